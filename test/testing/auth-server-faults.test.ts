import { describe, expect, it } from 'vitest';
import { type AuthServer, createAuthServer, fakeClock } from '../../src/testing.js';

const NOON = Date.UTC(2026, 5, 1, 12);

function refresh(server: AuthServer, token: string | undefined, init: RequestInit = {}) {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token ?? '' });
  return server.fetch(server.tokenUrl, { method: 'POST', body, ...init });
}

const proof = (nonce: string) => ({ DPoP: `e30.${Buffer.from(JSON.stringify({ nonce })).toString('base64url')}.` });

describe('a scripted answer', () => {
  it('comes instead of what the server would do, so many times, and uses no token up', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next(
      { status: 503, headers: { 'Retry-After': '5' }, body: { error: 'temporarily_unavailable' } },
      { times: 2 },
    );
    server.next({ status: 200, body: '<html>Welcome to the airport</html>' });
    const first = await refresh(server, refresh_token);
    expect([first.status, first.headers.get('retry-after'), await first.json()]).toEqual([
      503,
      '5',
      { error: 'temporarily_unavailable' },
    ]);
    expect((await refresh(server, refresh_token)).status).toBe(503);
    const portal = await refresh(server, refresh_token);
    expect([portal.status, portal.headers.get('content-type')]).toEqual([200, 'text/html']);
    expect(await portal.text()).toBe('<html>Welcome to the airport</html>');
    server.next({ body: { instead: true } });
    server.next({ status: 500 }, { times: 0 });
    expect(await (await refresh(server, refresh_token)).json()).toEqual({ instead: true });
    expect((await refresh(server, refresh_token)).status).toBe(200);
    expect(server.tokenRequests.map(({ granted, status }) => [granted, status])).toEqual([
      [false, 503],
      [false, 503],
      [false, 200],
      [false, 200],
      [true, 200],
    ]);
  });

  it('can stand until it is taken back, after those that come next', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.always({ status: 500 });
    server.next({ status: 429 });
    const statuses = [];
    for (let round = 0; round < 3; round++) statuses.push((await refresh(server, refresh_token)).status);
    server.always(undefined);
    statuses.push((await refresh(server, refresh_token)).status);
    expect(statuses).toEqual([429, 500, 500, 200]);
  });

  it('can be decided by a function that sees the request', async () => {
    const server = createAuthServer();
    const unlucky = server.signIn();
    const lucky = server.signIn();
    server.always(async (request) =>
      request.refreshToken === unlucky.refresh_token ? { status: 418, body: 'teapot' } : undefined,
    );
    expect((await refresh(server, unlucky.refresh_token)).headers.get('content-type')).toBe('text/plain');
    expect((await refresh(server, lucky.refresh_token)).status).toBe(200);
  });

  it('can change what the server itself answered', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next({ body: (own: object) => ({ ...own, expires_in: '60', token_type: undefined }) });
    const tokens = await (await refresh(server, refresh_token)).json();
    expect(tokens).toMatchObject({ expires_in: '60', refresh_token: expect.stringContaining('refresh.') });
    expect(tokens).not.toHaveProperty('token_type');
    expect((await refresh(server, tokens.refresh_token)).status).toBe(200);
  });

  it('can hide that the server acted', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next({ acts: true, status: 502, body: '' });
    expect((await refresh(server, refresh_token)).status).toBe(502);
    expect(server.inspect(refresh_token ?? '')).toMatchObject({ used: true });
    expect(server.tokenRequests[0]).toMatchObject({ granted: true, status: 502 });
  });

  it('works at every endpoint', async () => {
    const server = createAuthServer();
    const { access_token } = server.signIn();
    const headers = { Authorization: `Bearer ${access_token}` };
    server.next((request) => ({ status: request.method === 'GET' ? 204 : 500, body: '' }), { endpoint: 'api' });
    server.next({ status: 503 }, { endpoint: 'revoke' });
    server.next({ drop: true }, { endpoint: 'sign-in' });
    expect((await server.fetch(server.apiUrl, { headers })).status).toBe(204);
    expect((await server.fetch(server.apiUrl, { headers })).status).toBe(200);
    expect((await server.fetch(server.revokeUrl, { method: 'POST' })).status).toBe(503);
    await expect(server.fetch(server.signInUrl, { method: 'POST' })).rejects.toThrow(TypeError);
  });
});

describe('the network', () => {
  it('shows whether a refresh token had been used, although its request did not arrive', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next({ drop: true });
    await refresh(server, refresh_token).catch(() => undefined);
    await refresh(server, refresh_token);
    server.next({ drop: true });
    await refresh(server, refresh_token).catch(() => undefined);
    await server.fetch(server.tokenUrl, { method: 'POST', body: new URLSearchParams() });
    expect(server.tokenRequests.map(({ reused }) => reused)).toEqual([false, false, true, false]);
  });

  it('can break before the request arrives: nothing was used up', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next({ drop: true });
    await expect(refresh(server, refresh_token)).rejects.toThrow(TypeError);
    expect(server.tokenRequests[0]).toMatchObject({ granted: false, status: undefined });
    expect((await refresh(server, refresh_token)).status).toBe(200);
  });

  it('can break after the server rotated: the new refresh token is lost', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next({ acts: true, drop: true });
    await expect(refresh(server, refresh_token)).rejects.toThrow(TypeError);
    expect(server.tokenRequests[0]).toMatchObject({ granted: true, status: undefined });
    expect(await (await refresh(server, refresh_token)).json()).toMatchObject({ error: 'invalid_grant' });
    expect(server.counts.reusesDetected).toBe(1);
  });

  it('can hang until the client gives up, with the reason of the client', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn();
    server.next({ hang: true });
    const abort = new AbortController();
    const hanging = refresh(server, refresh_token, { signal: abort.signal });
    const reason = new Error('no patience');
    setImmediate(() => abort.abort(reason));
    await expect(hanging).rejects.toBe(reason);
    expect(server.inspect(refresh_token ?? '')).toMatchObject({ active: true });
    expect((await refresh(server, refresh_token)).status).toBe(200);
    expect(server.counts.mostTokenRequestsAtOnce).toBe(1);
  });

  it('takes a client away when it aborts, and not its request: the server still acts', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock, delayMs: 1_000 });
    const { refresh_token } = server.signIn();
    const abort = new AbortController();
    const refreshing = refresh(server, refresh_token, { signal: abort.signal });
    clock.after(500, () => abort.abort('too slow'));
    await expect(clock.runUntil(refreshing)).rejects.toBe('too slow');
    expect(server.inspect(refresh_token ?? '')).toMatchObject({ used: false });
    await clock.advance(500);
    expect(server.inspect(refresh_token ?? '')).toMatchObject({ used: true });
  });

  it('sends nothing for a signal that is aborted already', async () => {
    const server = createAuthServer();
    await expect(refresh(server, 'x', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(server.tokenRequests).toEqual([]);
  });
});

describe('delays', () => {
  it('run on the clock: before acting and before answering', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock, delayMs: 200, answerDelayMs: 50 });
    const { refresh_token } = server.signIn();
    let answeredAt = 0;
    const refreshing = refresh(server, refresh_token).then(() => {
      answeredAt = clock.now();
    });
    await clock.advance(199);
    expect(server.inspect(refresh_token ?? '')?.used).toBe(false);
    expect(clock.pendingKeepAlive).toBe(1);
    await clock.advance(1);
    expect(server.inspect(refresh_token ?? '')?.used).toBe(true);
    await clock.runUntil(refreshing);
    expect(answeredAt).toBe(NOON + 250);
    expect(server.tokenRequests[0]?.at).toBe(NOON);
  });

  it('can be scripted, also for the API', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock });
    server.always({ delayMs: 30, answerDelayMs: 12 }, { endpoint: 'api' });
    expect((await clock.runUntil(server.fetch(server.apiUrl))).status).toBe(401);
    expect(clock.now()).toBe(NOON + 42);
  });

  it('run on real time without a clock', async () => {
    const server = createAuthServer({ delayMs: 1 });
    expect((await refresh(server, server.signIn().refresh_token)).status).toBe(200);
  });
});

describe('switches', () => {
  it('can be changed while the server runs', async () => {
    const server = createAuthServer();
    server.set({ accessTokenLifetimeMs: 4_000 });
    server.set({ omit: ['scope'] });
    expect(server.signIn()).toMatchObject({ expires_in: 4 });
  });

  it('limit the rate of each client by itself, and say for how long', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock, rateLimit: { requests: 2, windowMs: 10_000 } });
    const ask = async (clientId: string) => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x', client_id: clientId });
      const response = await server.fetch(server.tokenUrl, { method: 'POST', body });
      return [response.status, response.headers.get('retry-after')];
    };
    expect([await ask('a'), await ask('a'), await ask('b')]).toEqual(Array(3).fill([400, null]));
    await clock.advance(1_500);
    expect(await ask('a')).toEqual([429, '9']);
    await clock.advance(8_499);
    expect(await ask('a')).toEqual([429, '1']);
    await clock.advance(1);
    expect(await ask('a')).toEqual([400, null]);
  });

  it('demand a DPoP nonce at the token endpoint', async () => {
    const server = createAuthServer({ dpopNonce: 'n1' });
    const { refresh_token } = server.signIn();
    for (const headers of [{}, { DPoP: 'garbage' }, proof('old')]) {
      const refused = await refresh(server, refresh_token, { headers });
      expect([refused.status, refused.headers.get('dpop-nonce')]).toEqual([400, 'n1']);
      expect(await refused.json()).toMatchObject({ error: 'use_dpop_nonce' });
    }
    expect((await refresh(server, refresh_token, { headers: proof('n1') })).status).toBe(200);
    server.set({ dpopNonce: undefined });
    expect((await refresh(server, server.signIn().refresh_token, { headers: proof('n1') })).status).toBe(200);
  });

  it('demand a DPoP nonce at the API', async () => {
    const server = createAuthServer({ apiDpopNonce: 'n2' });
    const Authorization = `DPoP ${server.signIn().access_token}`;
    const refused = await server.fetch(server.apiUrl, { headers: { Authorization } });
    expect(refused.headers.get('www-authenticate')).toBe('DPoP error="use_dpop_nonce"');
    expect((await server.fetch(server.apiUrl, { headers: { Authorization, ...proof('n2') } })).status).toBe(200);
  });
});

it('counts how many token requests were under way at once', async () => {
  const clock = fakeClock(NOON);
  const server = createAuthServer({ clock, delayMs: 10 });
  const both = Promise.all([refresh(server, 'a'), refresh(server, 'b')]);
  await clock.runUntil(both);
  await clock.runUntil(refresh(server, 'c'));
  expect(server.counts.mostTokenRequestsAtOnce).toBe(2);
});
