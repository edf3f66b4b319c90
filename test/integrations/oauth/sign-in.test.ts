import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../../src/index.js';
import { type BeginOptions, createSignIn, oauthClient, refreshWith } from '../../../src/integrations/oauth.js';
import { peers } from '../../../src/testing.js';
import { CALLBACK, signInWorld } from '../../support/sign-in-world.js';

const codeRequests = (requests: readonly { parameters: Readonly<Record<string, string>> }[]) =>
  requests.filter(({ parameters }) => parameters.grant_type === 'authorization_code').length;

describe('signing in', () => {
  test('a page signs in, calls its API, refreshes and signs out everywhere', async () => {
    const { server, page, visit, run, clock, requests, pending } = signInWorld();
    const { signIn, tokens } = page();
    const url = await run(signIn.begin({ returnTo: '/orders?open=1' }));
    const done = await run(signIn.finish(await visit(url)));
    expect(done).toEqual({ returnTo: '/orders?open=1' });
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { sub: 'ada' } });
    expect(pending(), 'nothing is left under way').toBeUndefined();
    await clock.advance(3_600_000);
    const token = await run(tokens.getAccessToken());
    expect(server.inspect(token)?.active).toBe(true);
    expect(codeRequests(server.tokenRequests)).toBe(1);
    const out = new URL((await run(signIn.end({ returnTo: 'https://app.test/bye' }))) ?? '');
    expect(out.origin + out.pathname).toBe(`${server.origin}/logout`);
    expect(out.searchParams.get('post_logout_redirect_uri')).toBe('https://app.test/bye');
    expect(out.searchParams.get('id_token_hint')?.split('.')).toHaveLength(3);
    expect(tokens.getSnapshot().status).toBe('none');
    expect(server.inspect(token)?.active, 'revoked').toBe(false);
    expect(requests).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'POST /par',
      'POST /token',
      'POST /token',
      'POST /revoke',
    ]);
  });

  test('J1: two tabs that sign in at once both end up signed in, whichever finishes first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const world = signInWorld();
      const pages = [world.page(), world.page(world.first.open())];
      const urls = await world.run(
        Promise.all(pages.map(({ signIn }, index) => signIn.begin({ returnTo: `/${index}` }))),
      );
      const backs = await Promise.all(urls.map(world.visit));
      for (const index of order) {
        const done = await world.run(pages[index]?.signIn.finish(backs[index] ?? '') ?? Promise.reject());
        expect(done).toEqual({ returnTo: `/${index}` });
      }
      await world.clock.settle();
      const held = await world.run(Promise.all(pages.map(({ tokens }) => tokens.getAccessToken())));
      expect(new Set(held).size, 'one session, the later one').toBe(1);
      expect(codeRequests(world.server.tokenRequests)).toBe(2);
    }
  });

  test('J2: reloading at every moment leads to a session or to a way back, never to two exchanges', async () => {
    const outcomes = new Set<string>();
    let moments = 0;
    for (let at = 0; ; at++) {
      const world = signInWorld();
      const page = world.page();
      const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/orders' })));
      let met = 0;
      world.onMoment = () => {
        if (met++ === at) page.peer.crash();
      };
      page.signIn.finish(back).catch(() => undefined);
      await world.clock.settle();
      world.onMoment = undefined;
      if (met <= at) break;
      moments++;
      const next = world.page(world.first.open());
      const outcome = await world.run(
        next.signIn.finish(back).then(
          (done) => `${next.tokens.getSnapshot().status} ${done?.returnTo}`,
          ({ code, returnTo }) => `${code} ${returnTo}`,
        ),
      );
      outcomes.add(outcome);
      const { status } = await world.run(settled(next.tokens));
      if (!outcome.startsWith('ERR_')) expect(status, `moment ${at}`).toBe('active');
      expect(codeRequests(world.server.tokenRequests), `moment ${at}`).toBeLessThanOrEqual(1);
    }
    expect(moments).toBeGreaterThan(15);
    // after the last write the trace is gone, and with it where the user was
    const seen = new Set([...outcomes].map((outcome) => outcome.replace(/^(loading|none)/, 'active')));
    expect([...seen].sort()).toEqual(['ERR_SIGN_IN_UNKNOWN /orders', 'active /orders', 'active undefined']);
  });

  test('J2: a request that the leaving page cuts off leaves behind where the user was', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/orders' })));
    world.server.next({ drop: true });
    expect(await world.reason(page.signIn.finish(back))).toMatchObject({ code: 'ERR_SIGN_IN_NETWORK', again: 'begin' });
    for (const { signIn } of [world.page(world.first.open()), page]) {
      const { code, returnTo } = await world.reason(signIn.finish(back));
      expect({ code, returnTo }).toEqual({ code: 'ERR_SIGN_IN_UNKNOWN', returnTo: '/orders' });
    }
    expect(codeRequests(world.server.tokenRequests)).toBe(1);
  });

  test('J3: called twice, by StrictMode, a router or two tabs, it makes one token request', async () => {
    const world = signInWorld();
    const [page, other] = [world.page(), world.page(world.first.open())];
    const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/a' })));
    const all = [page.signIn.finish(back), page.signIn.finish(back), other.signIn.finish(back)];
    const [once, twice, elsewhere] = await world.run(Promise.all(all));
    expect([once, twice]).toEqual([{ returnTo: '/a' }, { returnTo: '/a' }]);
    expect(elsewhere, 'its caller knows that it was a callback').toBeDefined();
    expect(await world.run(page.signIn.finish(back))).toEqual({ returnTo: '/a' });
    expect(codeRequests(world.server.tokenRequests)).toBe(1);
  });

  test('J4: a callback that is not ours, or was taken, changes nothing while somebody is signed in', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/a' })));
    await world.run(page.signIn.finish(back));
    const { sessionId } = page.tokens.getSnapshot();
    const later = world.page(world.first.open());
    expect(await world.run(later.signIn.finish(back)), 'taken: the address can be cleaned').toEqual({
      returnTo: undefined,
    });
    for (const url of [
      'https://app.test/orders',
      `${CALLBACK}?code=x`,
      `${CALLBACK}?state=x`,
      'https://app.test/other?code=x&state=y',
      'https://elsewhere.test/callback?code=x&state=y',
      'not an address',
    ]) {
      expect(await world.run(page.signIn.finish(url)), url).toBeUndefined();
    }
    expect(await world.run(page.signIn.finish(`${CALLBACK}?code=x&state=__proto__`))).toEqual({ returnTo: undefined });
    expect(page.tokens.getSnapshot().sessionId).toBe(sessionId);
    expect(codeRequests(world.server.tokenRequests)).toBe(1);
  });

  test('a callback nobody waits for is told as unknown while nobody is signed in', async () => {
    const world = signInWorld();
    const error = await world.reason(world.page().signIn.finish(`${CALLBACK}?code=x&state=constructor`));
    expect(error).toMatchObject({ name: 'SignInError', code: 'ERR_SIGN_IN_UNKNOWN', again: 'begin' });
    expect(world.requests).toEqual([]);
  });

  test('J5: an abandoned sign-in blocks nothing and is forgotten after an hour; the ninth pushes the oldest out', async () => {
    const world = signInWorld();
    const page = world.page();
    const urls: string[] = [];
    for (let n = 0; n < 9; n++) {
      urls.push(await world.run(page.signIn.begin({ returnTo: `/${n}` })));
      await world.clock.advance(1_000);
    }
    const [oldest = '', second = '', , last = ''] = await Promise.all(urls.map(world.visit));
    expect((await world.reason(page.signIn.finish(oldest))).code).toBe('ERR_SIGN_IN_UNKNOWN');
    expect(await world.run(page.signIn.finish(second))).toEqual({ returnTo: '/1' });
    world.server.set({ codeLifetimeMs: 10_000_000 });
    await world.clock.advance(3_600_000);
    await world.run(page.signIn.end());
    expect((await world.reason(page.signIn.finish(last))).code).toBe('ERR_SIGN_IN_UNKNOWN');
    expect(world.pending()).toBeUndefined();
  });

  test('J6: a sign-in can be finished in another tab, and after a restart of the app', async () => {
    const world = signInWorld();
    const back = await world.visit(await world.run(world.page().signIn.begin({ returnTo: '/a' })));
    world.first.crash();
    const page = world.page(world.first.open());
    expect(await world.run(page.signIn.finish(back))).toEqual({ returnTo: '/a' });
    expect(page.tokens.getSnapshot().status).toBe('active');
  });

  test('locks have few names, however often somebody signs in: adapters keep something for each', async () => {
    const world = signInWorld();
    const page = world.page();
    const names = new Set<string>();
    const { lock } = page.platform;
    const run = lock.run.bind(lock);
    lock.run = (key, ...rest) => {
      names.add(key);
      return run(key, ...rest);
    };
    for (let n = 0; n < 5; n++)
      await world.run(page.signIn.finish(await world.visit(await world.run(page.signIn.begin()))));
    expect([...names].sort()).toEqual([
      'evertoken:session',
      'evertoken:session:sign-in:0',
      'evertoken:session:sign-ins',
    ]);
  });

  test('J12: PAR is used where offered, and required where required', async () => {
    const world = signInWorld({ requirePar: true });
    const page = world.page();
    const url = new URL(await world.run(page.signIn.begin()));
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    await world.run(page.signIn.finish(await world.visit(url.href)));
    const metadata = {
      issuer: world.server.origin,
      authorization_endpoint: world.server.authorizeUrl,
      token_endpoint: world.server.tokenUrl,
    };
    const without = world.page(world.first.open(), { issuer: metadata });
    const plain = new URL(await world.run(without.signIn.begin()));
    expect(plain.searchParams.get('code_challenge_method')).toBe('S256');
    const demanding = { ...metadata, require_pushed_authorization_requests: true };
    const lost = world.page(world.first.open(), { issuer: demanding });
    expect((await world.reason(lost.signIn.begin())).code).toBe('ERR_SIGN_IN_CONFIG');
  });

  test('a begin that fails leaves nothing pending', async () => {
    const world = signInWorld();
    const page = world.page();
    world.server.next({ status: 400, body: { error: 'invalid_redirect_uri' } }, { endpoint: 'par' });
    expect(await world.reason(page.signIn.begin())).toMatchObject({
      code: 'ERR_SIGN_IN_CONFIG',
      oauthError: 'invalid_redirect_uri',
    });
    world.server.next({ drop: true }, { endpoint: 'par' });
    expect(await world.reason(page.signIn.begin())).toMatchObject({ code: 'ERR_SIGN_IN_NETWORK', again: 'begin' });
    expect(world.pending()).toBeUndefined();
  });

  test('J13: prompt=none ends in a session, or in an error that says that the user is needed', async () => {
    const world = signInWorld();
    const page = world.page();
    const none = async () => world.visit(await world.run(page.signIn.begin({ prompt: 'none', returnTo: '/a' })));
    await world.run(page.signIn.finish(await none()));
    expect(page.tokens.getSnapshot().status).toBe('active');
    world.server.set({ user: undefined });
    expect(await world.reason(page.signIn.finish(await none()))).toMatchObject({
      code: 'ERR_SIGN_IN_REQUIRED',
      oauthError: 'login_required',
      returnTo: '/a',
    });
  });

  test('J14: access_denied is told as cancelled, and the session there was goes on', async () => {
    const world = signInWorld();
    const page = world.page();
    await world.run(page.signIn.finish(await world.visit(await world.run(page.signIn.begin()))));
    const before = page.tokens.getSnapshot();
    world.server.set({ consent: 'refused' });
    const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/a' })));
    expect(await world.reason(page.signIn.finish(back))).toMatchObject({
      code: 'ERR_SIGN_IN_CANCELLED',
      returnTo: '/a',
    });
    expect(page.tokens.getSnapshot()).toBe(before);
    expect(world.pending()).toBeUndefined();
  });

  test('J16: returnTo never leads to another origin', async () => {
    const world = signInWorld();
    const page = world.page();
    const kept: (string | undefined)[] = [];
    for (const returnTo of [
      '/orders?a=1#b',
      '//evil.test',
      '/\\evil.test',
      '/..//evil.test',
      '/a/../..//evil.test',
      '/%2e%2e//evil.test',
      '/.//evil.test',
      'https://evil.test/',
      'javascript:alert(1)',
      '/\t/evil.test',
      ' /a',
      '',
    ]) {
      const back = await world.visit(await world.run(page.signIn.begin({ returnTo })));
      kept.push((await world.run(page.signIn.finish(back)))?.returnTo);
    }
    expect(kept.filter((path) => path !== undefined)).toEqual(['/orders?a=1#b']);
  });

  test('J19: nothing is needed but the crypto that is given', async () => {
    const { crypto } = globalThis;
    const world = signInWorld({ random: Math.random });
    const { client, tokens, platform } = world.page();
    Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });
    try {
      const none = createSignIn({ client, tokens, platform });
      expect((await world.reason(none.begin())).code).toBe('ERR_OPTIONS');
      const signIn = createSignIn({
        client,
        tokens,
        platform,
        crypto: {
          getRandomValues: (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
          sha256: (bytes) => crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>),
        },
      });
      await world.run(signIn.finish(await world.visit(await world.run(signIn.begin()))));
      expect(tokens.getSnapshot().status).toBe('active');
    } finally {
      Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true });
    }
  });

  test('an address of an app works as redirect address, with or without a slash at its end', async () => {
    const world = signInWorld();
    const page = world.page(world.first, { redirectUri: 'shop://callback' });
    const back = await world.visit(await world.run(page.signIn.begin()));
    expect(back).toMatch(/^shop:\/\/callback\?code=/);
    await world.run(page.signIn.finish(back.replace('callback?', 'callback/?')));
    expect(page.tokens.getSnapshot().status).toBe('active');
  });

  test('an answer in the fragment is read as well', async () => {
    const world = signInWorld();
    const page = world.page(world.first, { parameters: { response_mode: 'fragment' } });
    const back = await world.visit(await world.run(page.signIn.begin()));
    expect(back).toContain('#code=');
    await world.run(page.signIn.finish(back));
    expect(page.tokens.getSnapshot().status).toBe('active');
  });

  test('a caller that gives up leaves, and the sign-in goes on', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await world.visit(await world.run(page.signIn.begin()));
    const gone = new AbortController();
    const leaving = page.signIn.finish(back, { signal: gone.signal });
    gone.abort(new Error('left'));
    expect((await world.reason(leaving)).message).toBe('left');
    await world.run(page.signIn.finish(back));
    expect(page.tokens.getSnapshot().status).toBe('active');
    expect(codeRequests(world.server.tokenRequests)).toBe(1);
  });
});

describe('signing out', () => {
  test('J21: at every moment of a sign-in it wins, here and in another tab', async () => {
    for (const elsewhere of [false, true]) {
      for (let at = 0; ; at++) {
        const world = signInWorld();
        const page = world.page();
        const other = elsewhere ? world.page(world.first.open()) : page;
        const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/a' })));
        await world.run(page.signIn.begin());
        let met = 0;
        let ending: Promise<unknown> | undefined;
        world.onMoment = () => {
          if (met++ === at) ending = other.signIn.end();
        };
        const outcome = await world.run(
          page.signIn.finish(back).then(
            () => 'done',
            (error) => error.code,
          ),
        );
        world.onMoment = undefined;
        if (!ending) {
          expect(at).toBeGreaterThan(15);
          break;
        }
        await world.run(ending);
        await world.clock.settle();
        const where = `${elsewhere ? 'other tab' : 'this tab'}, moment ${at}: ${outcome}`;
        expect(page.tokens.getSnapshot().status, where).not.toBe('active');
        expect([...world.first.items.keys()], where).toEqual([]);
        expect(['done', 'ERR_SIGN_IN_CANCELLED', 'ERR_SIGN_IN_UNKNOWN'], where).toContain(outcome);
        for (const text of world.bodies) {
          const token = /"access_token":"([^"]+)"/.exec(text)?.[1];
          if (token) expect(world.server.inspect(token)?.active, where).toBe(false);
        }
      }
    }
  });

  test('J22: the server gets the last ID token as hint, expired or not, from whatever tab', async () => {
    const world = signInWorld({ accessTokenLifetimeMs: 60_000 });
    const [page, other] = [world.page(), world.page(world.first.open())];
    await world.run(page.signIn.finish(await world.visit(await world.run(page.signIn.begin()))));
    await world.clock.advance(100_000);
    await world.run(page.tokens.getAccessToken());
    const stored = JSON.parse(world.first.items.get('evertoken:session') ?? '{}');
    await world.clock.advance(10_000_000);
    const out = new URL((await world.run(other.signIn.end())) ?? '');
    expect(out.searchParams.get('id_token_hint')).toBe(stored.idToken);
  });

  test('the address of a sign-in that was ended is unknown from then on, in the same page as well', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await world.visit(await world.run(page.signIn.begin()));
    await world.run(page.signIn.finish(back));
    await world.run(page.signIn.end());
    expect((await world.reason(page.signIn.finish(back))).code).toBe('ERR_SIGN_IN_UNKNOWN');
  });

  test('a sign-in that was ended while the server was busy cannot be finished again', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await world.visit(await world.run(page.signIn.begin()));
    world.server.next({ status: 503, delayMs: 1_000 });
    const outcome = page.signIn.finish(back).catch((error) => error);
    await world.clock.advance(500);
    await world.run(page.signIn.end());
    expect((await world.run(outcome)).code).toBe('ERR_SIGN_IN_NETWORK');
    expect(world.pending()).toBeUndefined();
    expect((await world.reason(page.signIn.finish(back))).code).toBe('ERR_SIGN_IN_UNKNOWN');
  });

  test('signed out, offline or twice, it throws nothing', async () => {
    const world = signInWorld();
    const page = world.page();
    world.server.always({ drop: true }, { endpoint: 'discovery' });
    expect(await world.run(page.signIn.end())).toBeUndefined();
    world.server.always(undefined, { endpoint: 'discovery' });
    expect(await world.run(page.signIn.end())).toBe(`${world.server.origin}/logout?client_id=app`);
  });

  test('an address that would be cut off on the way goes without the hint, and keeps its own query', async () => {
    const { server, page, run, visit, first } = signInWorld();
    const metadata = {
      issuer: server.origin,
      authorization_endpoint: server.authorizeUrl,
      token_endpoint: server.tokenUrl,
      end_session_endpoint: `${server.origin}/logout?tenant=${'x'.repeat(1_700)}`,
    };
    const { signIn } = page(first, { issuer: metadata });
    await run(signIn.finish(await visit(await run(signIn.begin()))));
    const out = new URL((await run(signIn.end())) ?? '');
    expect([...out.searchParams.keys()]).toEqual(['tenant', 'client_id']);
  });
});

test('parameters of the client are sent, also those that an option could bring; what begin is told wins', async () => {
  const world = signInWorld();
  const given = {
    access_type: 'offline',
    prompt: 'consent',
    login_hint: 'a',
    max_age: '9',
    acr_values: 'x',
    claims: '{}',
  };
  const plain = world.page(world.first, {
    parameters: given,
    issuer: {
      issuer: world.server.origin,
      authorization_endpoint: world.server.authorizeUrl,
      token_endpoint: world.server.tokenUrl,
    },
  });
  const query = async (options: BeginOptions = {}) => {
    const url = new URL(await world.run(plain.signIn.begin(options)));
    return Object.fromEntries(url.searchParams);
  };
  expect(await query()).toMatchObject(given);
  expect(await query({ prompt: 'login', parameters: { login_hint: 'b' } })).toMatchObject({
    ...given,
    prompt: 'login',
    login_hint: 'b',
  });
  expect(await query({ parameters: { client_id: 'evil', state: 'evil' } })).toMatchObject({ client_id: 'app' });
});

test('what begin is asked for wrongly is refused before anything is sent', async () => {
  const world = signInWorld();
  const page = world.page();
  for (const wrong of [
    { redirectUri: 'callback' },
    { scopes: ['a b'] },
    { acrValues: 'mfa' },
    { maxAgeMs: -1 },
    { maxAgeMs: Number.POSITIVE_INFINITY },
    { challenge: 'Bearer' },
    { parameters: { a: 1 } },
  ]) {
    expect((await world.reason(page.signIn.begin(wrong as never))).code, JSON.stringify(wrong)).toBe('ERR_OPTIONS');
  }
  expect([world.requests, world.pending()]).toEqual([[], undefined]);
});

test('options that are wrong are refused at once, with what was expected', () => {
  const [{ platform }] = peers(1);
  const client = oauthClient({ issuer: 'https://auth.test', clientId: 'app' });
  const tokens = createTokenManager({ refresh: refreshWith(client), platform: inProcess() });
  for (const wrong of [
    { client: {}, tokens, platform },
    { client, tokens: {}, platform },
    { client, tokens },
    { client, tokens, platform, key: '' },
  ]) {
    expect(() => createSignIn(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  }
  for (const wrong of [
    {},
    { issuer: 'https://auth.test' },
    { issuer: 'http://auth.test', clientId: 'app' },
    { issuer: 'https://auth.test?x', clientId: 'app' },
    { issuer: 'https://auth.test', clientId: 'app', scopes: ['a b'] },
    { issuer: 'https://auth.test', clientId: 'app', resource: 'https://api.test/#x' },
    { issuer: 'https://auth.test', clientId: 'app', redirectUri: '/callback' },
    { issuer: 'https://auth.test', clientId: 'app', authentication: { secret: '' } },
    { issuer: 'https://auth.test', clientId: 'app', authentication: { secret: 's', method: 'jwt' } },
    { issuer: 'https://auth.test', clientId: 'app', authentication: null },
    { issuer: 'https://auth.test', clientId: 'app', parameters: { a: 1 } },
    { issuer: 'https://auth.test', clientId: 'app', parameters: 'a=b' },
    { issuer: 'https://auth.test', clientId: 'app', redirectUrl: CALLBACK },
  ]) {
    expect(() => oauthClient(wrong as never), JSON.stringify(wrong)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS' }),
    );
  }
});

function settled(tokens: { getAccessToken(): Promise<string>; getSnapshot(): { status: string } }) {
  return tokens.getAccessToken().then(
    () => tokens.getSnapshot(),
    () => tokens.getSnapshot(),
  );
}
