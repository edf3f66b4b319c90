import { describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { type DeviceCode, type DeviceSignInOptions, deviceSignIn } from '../../src/integrations/device.js';
import { oauthClient, refreshWith } from '../../src/integrations/oauth.js';
import { type AuthServerOptions, createAuthServer, fakeClock } from '../../src/testing.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

function on(options: AuthServerOptions = {}) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, consent: 'pending', ...options });
  const requests: string[] = [];
  const send: typeof fetch = (input, init) => {
    requests.push(new URL(String(input)).pathname);
    return server.fetch(input, init);
  };
  const client = oauthClient({ issuer: server.origin, clientId: 'tv', scopes: ['openid', 'films'], fetch: send });
  const tokens = createTokenManager({
    refresh: refreshWith(client),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
  onTestFinished(() => tokens.dispose());
  const codes: DeviceCode[] = [];
  const begunAt = clock.now();
  const polls = () => server.tokenRequests.filter(({ parameters }) => parameters.grant_type === GRANT);
  const start = (more: Partial<DeviceSignInOptions> = {}) => {
    const outcome = deviceSignIn({ client, tokens, clock, onCode: (code) => void codes.push(code), ...more });
    outcome.catch(() => undefined);
    return outcome;
  };
  return {
    clock,
    server,
    client,
    tokens,
    codes,
    requests,
    start,
    polls,
    at: () => polls().map(({ at }) => at - begunAt),
  };
}

const reason = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('signing in a device', () => {
  test('the user confirms the code elsewhere, and the session starts', async () => {
    const { clock, server, tokens, codes, start, at } = on();
    const outcome = start();
    await clock.settle();
    expect(codes).toEqual([
      {
        userCode: expect.stringMatching(/^\w{4}-\w{4}$/),
        verificationUri: `${server.origin}/device`,
        verificationUriComplete: expect.stringContaining('user_code='),
        expiresAt: clock.now() + 600_000,
      },
    ]);
    await clock.advance(13_000);
    expect(tokens.getSnapshot().status).not.toBe('active');
    await server.fetch(codes[0]?.verificationUriComplete ?? '');
    await clock.runUntil(outcome);
    expect(tokens.getSnapshot()).toMatchObject({
      status: 'active',
      scopes: ['openid', 'films'],
      claims: { sub: 'ada' },
    });
    expect(at()).toHaveLength(3);
  });

  test('J18: the first poll comes after one interval, each a little late, and none is told to slow down', async () => {
    const { clock, start, at, server } = on();
    start();
    await clock.advance(120_000);
    const seen = at();
    expect(seen[0]).toBeGreaterThan(5_000);
    const gaps = seen.slice(1).map((moment, index) => moment - (seen[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(5_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(6_000);
    expect(server.tokenRequests.length).toBeGreaterThan(18);
  });

  test('J18: slow_down adds five seconds for good', async () => {
    const { clock, server, start, at } = on();
    server.next({ status: 400, body: { error: 'slow_down' } }, { times: 2 });
    start();
    await clock.advance(60_000);
    const seen = at();
    const gaps = seen.map((moment, index) => moment - (seen[index - 1] ?? 0));
    expect(gaps.map((gap) => Math.floor(gap / 5_000))).toEqual([1, 2, 3, 3]);
  });

  test('J18: busy servers, cut networks and pages of others go on, and Retry-After is a lower bound, once', async () => {
    const { clock, server, tokens, start, at, codes } = on();
    server.next({ status: 503, headers: { 'Retry-After': '30' } });
    server.next({ drop: true });
    server.next({ status: 429 });
    server.next({ status: 408 });
    server.next({ status: 204 });
    server.next({ status: 200, body: '<html>Wi-Fi</html>' });
    server.next({ status: 502, body: '<html>' });
    const outcome = start();
    await clock.advance(36_000);
    const [first = 0, second = 0] = at();
    expect(second - first).toBeGreaterThanOrEqual(30_000);
    await clock.advance(40_000);
    expect(at().length).toBeGreaterThan(7);
    expect((at()[2] ?? 0) - second).toBeLessThanOrEqual(6_000);
    await server.fetch(codes[0]?.verificationUriComplete ?? '');
    await clock.runUntil(outcome);
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('J18: no poll at or after expiry, and it is told at that moment', async () => {
    const { clock, start, at, server } = on({ deviceCodeLifetimeMs: 23_000 });
    server.always({ status: 503, headers: { 'Retry-After': '600' } });
    const outcome = reason(start());
    let toldAt = 0;
    const begun = clock.now();
    void outcome.then(() => {
      toldAt = clock.now() - begun;
    });
    await clock.advance(600_000);
    expect(await outcome).toMatchObject({ code: 'ERR_SIGN_IN_EXPIRED' });
    expect(toldAt).toBe(23_000);
    expect(Math.max(...at())).toBeLessThan(23_000);
  });

  test('a poll that hangs is given up after ten seconds, and never doubled', async () => {
    const { clock, start, server, at } = on();
    server.next({ hang: true });
    start();
    await clock.advance(15_000);
    expect(at()).toHaveLength(1);
    await clock.advance(20_000);
    expect(server.counts.mostTokenRequestsAtOnce).toBeLessThanOrEqual(2); // the server may still hold the one given up
    expect((at()[1] ?? 0) - (at()[0] ?? 0)).toBeGreaterThan(15_000);
  });

  test('J18: an abort stops at once with its own reason, at every moment, and a late answer starts nothing', async () => {
    for (const afterMs of [0, 3_000, 5_999, 6_100, 8_000]) {
      const { clock, server, start, tokens, polls } = on({ consent: 'given', delayMs: 500 });
      const aborted = new AbortController();
      const outcome = reason(start({ signal: aborted.signal }));
      await clock.advance(afterMs);
      if (tokens.getSnapshot().status === 'active') break;
      aborted.abort(new Error('enough'));
      expect((await outcome)?.message, String(afterMs)).toBe('enough');
      const before = polls().length;
      await clock.advance(60_000);
      expect(polls().length).toBe(before);
      expect(tokens.getSnapshot().status).not.toBe('active');
      expect(server.counts.refreshesGranted).toBe(0);
    }
    const { start } = on();
    expect((await reason(start({ signal: AbortSignal.abort(new Error('before')) })))?.message).toBe('before');
  });

  test.each<[string, object, string]>([
    ['access_denied', { error: 'access_denied' }, 'ERR_SIGN_IN_CANCELLED'],
    ['expired_token', { error: 'expired_token' }, 'ERR_SIGN_IN_EXPIRED'],
    ['invalid_client', { error: 'invalid_client' }, 'ERR_SIGN_IN_CONFIG'],
    ['invalid_grant', { error: 'invalid_grant' }, 'ERR_SIGN_IN_RESPONSE'],
    ['no code', { error: { nested: true } }, 'ERR_SIGN_IN_RESPONSE'],
  ])('a refusal with %s ends it', async (_, body, code) => {
    const { clock, server, start } = on();
    server.next({ status: 400, body });
    expect(await clock.runUntil(reason(start()))).toMatchObject({ code, status: 400 });
  });

  test('tokens whose ID token is for somebody else are refused and revoked', async () => {
    const { clock, server, start, tokens, requests } = on({ consent: 'given' });
    const foreign = server.signIn({ scope: 'openid', clientId: 'other' });
    server.next({ acts: true, body: (own: object) => ({ ...own, id_token: foreign.id_token }) });
    expect(await clock.runUntil(reason(start()))).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(requests.at(-1)).toBe('/revoke');
    expect(server.counts.familiesRevoked).toBe(1);
    expect(tokens.getSnapshot().status).not.toBe('active');
  });

  test('an onCode that throws ends it, and nothing is polled', async () => {
    const { clock, start, polls } = on();
    const outcome = start({
      onCode: () => {
        throw new Error('no screen');
      },
    });
    expect((await clock.runUntil(reason(outcome)))?.message).toBe('no screen');
    await clock.advance(60_000);
    expect(polls()).toEqual([]);
  });

  test('onPoll is told when the next poll is due', async () => {
    const { clock, start, at } = on();
    const due: number[] = [];
    const begunAt = clock.now();
    start({ onPoll: (next) => due.push(next.at - begunAt) });
    await clock.advance(20_000);
    const seen = at();
    expect(due.slice(0, seen.length).map(Math.floor)).toEqual(seen.map(Math.floor));
  });

  test.each<[string, object, string]>([
    ['a refusal', { status: 400, body: { error: 'unauthorized_client' } }, 'ERR_SIGN_IN_CONFIG'],
    ['no codes', { status: 200, body: {} }, 'ERR_SIGN_IN_CONFIG'],
    ['a busy server', { status: 503 }, 'ERR_SIGN_IN_NETWORK'],
    ['no answer', { drop: true }, 'ERR_SIGN_IN_NETWORK'],
  ])('%s instead of a code is told at once', async (_, answer, code) => {
    const { clock, server, start, codes } = on();
    server.next(answer, { endpoint: 'device' });
    expect(await clock.runUntil(reason(start()))).toMatchObject({ code });
    expect(codes).toEqual([]);
  });

  const codeAt = (uris: object) => ({ status: 200, body: { device_code: 'd', user_code: 'u', ...uris } });

  test.each(['javascript:alert(1)', 'shop://device', '/device', 5])(
    'an address for the user that no browser would visit is no answer: %s',
    async (address) => {
      const { clock, server, start, codes } = on();
      server.next(codeAt({ verification_uri: address }), { endpoint: 'device' });
      expect(await clock.runUntil(reason(start()))).toMatchObject({ code: 'ERR_SIGN_IN_CONFIG' });
      expect(codes).toEqual([]);
    },
  );

  test('one with the code in it is left out where no browser would visit it', async () => {
    const { clock, server, start, codes } = on();
    const uris = { verification_uri: 'https://g.test/d', verification_uri_complete: 'javascript:alert(1)' };
    server.next(codeAt(uris), { endpoint: 'device' });
    start();
    await clock.advance(1_000);
    expect(codes[0]).toMatchObject({ verificationUri: 'https://g.test/d', verificationUriComplete: undefined });
  });

  test('what servers leave out, or name otherwise, is made up for', async () => {
    const { clock, server, start, codes, at } = on();
    server.next(
      {
        acts: true,
        body: ({ device_code, user_code }: Record<string, string>) => ({
          device_code,
          user_code,
          verification_url: 'https://g.test/device',
        }),
      },
      { endpoint: 'device' },
    );
    start();
    await clock.advance(6_000);
    expect(codes[0]).toMatchObject({ verificationUri: 'https://g.test/device', verificationUriComplete: undefined });
    expect(at()).toHaveLength(1);
  });

  test('wrong options are refused', async () => {
    const { client, tokens } = on();
    const onCode = () => undefined;
    for (const wrong of [
      { client: {}, tokens, onCode },
      { client, tokens: {}, onCode },
      { client, tokens },
      { client, tokens, onCode, scopes: ['a b'] },
      { client, tokens, onCode, onPoll: true },
      { client, tokens, onCode, clock: {} },
    ]) {
      expect(await reason(deviceSignIn(wrong as never))).toMatchObject({ code: 'ERR_OPTIONS' });
    }
  });
});

describe('a mistaken name is refused before anything is sent: the error has it, and every name that there is', () => {
  const takes = { client: 0, tokens: 0, onCode: 0, onPoll: 0, scopes: 0, clock: 0, signal: 0 } satisfies Record<
    keyof DeviceSignInOptions,
    0
  >;

  test.each<[string, unknown]>([
    ['scope', 'films'],
    ['onUserCode', () => undefined],
    ['clientId', 'tv'],
    ['issuer', 'https://auth.test'],
    ['timeoutMs', 60_000],
    ['resource', 'https://films.test'],
  ])('%s', async (name, value) => {
    const { start, requests } = on();
    // where nothing is refused, this ends the sign-in
    const failure = await reason(start({ signal: AbortSignal.abort(), [name]: value }));
    expect(failure).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS' });
    const [, named, known = ''] = /^Option (\S+): expected one of (.+), but .+ came\.$/.exec(failure.message) ?? [];
    expect(named).toBe(name);
    expect(known.split(', ').sort()).toEqual(Object.keys(takes).sort());
    expect(requests).toEqual([]);
  });
});
