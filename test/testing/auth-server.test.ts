import { describe, expect, it } from 'vitest';
import { type AuthServer, createAuthServer, fakeClock } from '../../src/testing.js';

const NOON = Date.UTC(2026, 5, 1, 12);

function form(parameters: Record<string, string>, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', body: new URLSearchParams(parameters), headers };
}

function refresh(
  server: AuthServer,
  token: string | undefined,
  more: Record<string, string> = {},
  init: RequestInit = {},
) {
  const parameters = { grant_type: 'refresh_token', ...(token !== undefined && { refresh_token: token }), ...more };
  return server.fetch(server.tokenUrl, { ...form(parameters), ...init });
}

function call(server: AuthServer, token: string, path = '', init: RequestInit = {}) {
  return server.fetch(server.apiUrl + path, {
    ...init,
    headers: { ...init.headers, Authorization: `Bearer ${token}` },
  });
}

const claims = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());

describe('refresh tokens', () => {
  it('are traded for a new access token and a new refresh token', async () => {
    const server = createAuthServer();
    const first = server.signIn({ scope: 'read write' });
    const response = await refresh(server, first.refresh_token);
    const second = await response.json();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(second).toMatchObject({ token_type: 'Bearer', expires_in: 3_600, scope: 'read write' });
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.access_token).not.toBe(first.access_token);
    expect((await call(server, second.access_token)).status).toBe(200);
    expect((await call(server, first.access_token)).status).toBe(200);
    expect(server.counts).toEqual({
      refreshesGranted: 1,
      reusesDetected: 0,
      familiesRevoked: 0,
      mostTokenRequestsAtOnce: 1,
    });
  });

  it('work once: the second time revokes everything that came of the same sign-in', async () => {
    const server = createAuthServer();
    const first = server.signIn();
    const other = server.signIn();
    const second = await (await refresh(server, first.refresh_token)).json();
    const reuse = await refresh(server, first.refresh_token);
    expect(reuse.status).toBe(400);
    expect(await reuse.json()).toMatchObject({ error: 'invalid_grant' });
    expect((await refresh(server, second.refresh_token)).status).toBe(400);
    expect((await call(server, second.access_token)).status).toBe(401);
    expect((await call(server, first.access_token)).status).toBe(401);
    expect((await call(server, other.access_token)).status).toBe(200);
    expect((await refresh(server, other.refresh_token)).status).toBe(200);
    expect(server.counts).toMatchObject({ reusesDetected: 1, familiesRevoked: 1, refreshesGranted: 2 });
    expect(server.tokenRequests.map(({ reused, granted, status }) => ({ reused, granted, status }))).toEqual([
      { reused: false, granted: true, status: 200 },
      { reused: true, granted: false, status: 400 },
      { reused: false, granted: false, status: 400 },
      { reused: false, granted: true, status: 200 },
    ]);
  });

  it('get the same answer again inside the reuse window, and not a millisecond longer', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({
      clock,
      reuseWindowMs: 10_000,
      tokenFormat: 'jwt',
      accessTokenLifetimeMs: 90_000,
    });
    const { refresh_token } = server.signIn();
    const first = await (await refresh(server, refresh_token)).text();
    await clock.advance(9_999);
    const again = await refresh(server, refresh_token);
    expect(await again.text()).toBe(first);
    expect(server.counts).toMatchObject({ refreshesGranted: 1, reusesDetected: 0 });
    expect(server.tokenRequests[1]).toMatchObject({ reused: true, granted: true, status: 200 });
    await clock.advance(1);
    expect((await refresh(server, refresh_token)).status).toBe(400);
    expect(server.counts).toMatchObject({ reusesDetected: 1, familiesRevoked: 1 });
  });

  it('expire', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock, refreshTokenLifetimeMs: 5_000 });
    const early = server.signIn();
    const late = server.signIn();
    await clock.advance(4_999);
    expect((await refresh(server, early.refresh_token)).status).toBe(200);
    await clock.advance(1);
    expect(await (await refresh(server, late.refresh_token)).json()).toMatchObject({ error: 'invalid_grant' });
    expect(server.counts.familiesRevoked).toBe(0);
  });

  it('stay good when the server omits new ones', async () => {
    const server = createAuthServer({ omit: ['refresh_token', 'scope'] });
    const { refresh_token } = server.signIn({ scope: 'read' });
    const first = await (await refresh(server, refresh_token)).json();
    const second = await (await refresh(server, refresh_token)).json();
    expect(Object.keys(first)).toEqual(['access_token', 'token_type', 'expires_in']);
    expect(second.access_token).not.toBe(first.access_token);
    expect(server.tokenRequests.map(({ reused }) => reused)).toEqual([false, false]);
  });

  it('belong to the client they were issued to', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn({ clientId: 'spa' });
    expect((await refresh(server, refresh_token, { client_id: 'thief' })).status).toBe(400);
    expect((await refresh(server, refresh_token)).status).toBe(400);
    expect((await refresh(server, refresh_token, { client_id: 'spa' })).status).toBe(200);
    const anybody = server.signIn().refresh_token;
    expect((await refresh(server, anybody, { client_id: 'spa' })).status).toBe(200);
  });

  it('narrow scopes, and never widen them', async () => {
    const server = createAuthServer();
    const { refresh_token } = server.signIn({ scope: 'read write' });
    const wide = await refresh(server, refresh_token, { scope: 'read admin' });
    expect(await wide.json()).toMatchObject({ error: 'invalid_scope' });
    const narrow = await (await refresh(server, refresh_token, { scope: 'read' })).json();
    expect(narrow.scope).toBe('read');
    expect((await (await refresh(server, narrow.refresh_token)).json()).scope).toBe('read write');
  });

  it.each([
    ['GET', { method: 'GET' }, 405, 'invalid_request'],
    ['JSON', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }, 400, 'invalid_request'],
    ['no refresh token', form({ grant_type: 'refresh_token' }), 400, 'invalid_request'],
    ['another grant type', form({ grant_type: 'password', refresh_token: 'x' }), 400, 'unsupported_grant_type'],
    ['an unknown token', form({ grant_type: 'refresh_token', refresh_token: 'x' }), 400, 'invalid_grant'],
  ])('are refused with %s', async (_, init, status, error) => {
    const server = createAuthServer();
    const response = await server.fetch(server.tokenUrl, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error });
  });

  it('can be looked up, with what became of them', async () => {
    const server = createAuthServer();
    const first = server.signIn();
    const second = await (await refresh(server, first.refresh_token)).json();
    const facts = server.inspect(second.refresh_token);
    expect(facts).toMatchObject({ kind: 'refresh', user: 'ada', used: false, active: true });
    expect(server.inspect(first.refresh_token ?? '')).toMatchObject({ used: true, active: false });
    expect(server.inspect(second.access_token)).toMatchObject({ kind: 'access', familyId: facts?.familyId });
    expect(server.inspect('unheard of')).toBeUndefined();
  });
});

describe('client authentication', () => {
  const clients = [
    { clientId: 'spa' },
    { clientId: 'web app', clientSecret: 'p:ss wörd+' },
    { clientId: 'poster', clientSecret: 's', authentication: 'post' as const },
  ];
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');
  const basic = (id: string, secret: string) => ({ Authorization: `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}` });

  it.each([
    ['a public client', 'spa', { client_id: 'spa' }, {}],
    ['HTTP Basic, form-encoded', 'web app', {}, basic('web app', 'p:ss wörd+')],
    ['a secret in the body', 'web app', { client_id: 'web app', client_secret: 'p:ss wörd+' }, {}],
    ['the way it is registered for', 'poster', { client_id: 'poster', client_secret: 's' }, {}],
  ])('accepts %s', async (_, clientId, parameters, headers) => {
    const server = createAuthServer({ clients });
    const { refresh_token } = server.signIn({ clientId });
    expect((await refresh(server, refresh_token, parameters, { headers })).status).toBe(200);
    expect(server.tokenRequests[0]).toMatchObject({ clientId });
  });

  it.each([
    ['an unknown client', { client_id: 'nobody' }, {}],
    ['no client', {}, {}],
    ['a public client with a secret', { client_id: 'spa', client_secret: 'x' }, {}],
    ['a wrong secret', { client_id: 'web app', client_secret: 'x' }, {}],
    ['a missing secret', { client_id: 'web app' }, {}],
    ['a way it is not registered for', {}, basic('poster', 's')],
  ])('refuses %s, and uses no token up', async (_, parameters, headers) => {
    const server = createAuthServer({ clients });
    const { refresh_token } = server.signIn();
    const response = await refresh(server, refresh_token, parameters, { headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: 'invalid_client' });
    expect(response.headers.has('www-authenticate')).toBe('Authorization' in headers);
    expect(server.inspect(refresh_token ?? '')).toMatchObject({ active: true });
  });

  it.each([
    'Basic %%%',
    'Basic',
    `Basic ${btoa('%zz:s')}`,
    `Basic ${btoa('spa:')} and more`,
    'Bearer x',
    'NotBasic eA==',
  ])('takes %j for no authentication of a client', async (Authorization) => {
    const server = createAuthServer({ clients });
    const { refresh_token } = server.signIn({ clientId: 'spa' });
    const parameters = { client_id: 'spa' };
    expect((await refresh(server, refresh_token, parameters, { headers: { Authorization } })).status).toBe(200);
  });

  it('refuses two ways at once', async () => {
    const server = createAuthServer({ clients });
    const headers = basic('web app', 'p:ss wörd+');
    const response = await refresh(server, 'x', { client_secret: 'p:ss wörd+' }, { headers });
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });
});

describe('the API', () => {
  it('wants an access token, and says how', async () => {
    const server = createAuthServer();
    const none = await server.fetch(server.apiUrl);
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="api"');
    const wrong = await call(server, 'x');
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer realm="api", error="invalid_token"');
    expect((await call(server, server.signIn().refresh_token ?? '')).status).toBe(401);
  });

  it('refuses a token that has expired, to the millisecond', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 4_000 });
    const { access_token } = server.signIn();
    await clock.advance(3_999);
    expect((await call(server, access_token)).status).toBe(200);
    await clock.advance(1);
    expect((await call(server, access_token)).status).toBe(401);
  });

  it('guards scopes', async () => {
    const server = createAuthServer();
    const { access_token } = server.signIn({ scope: 'read' });
    expect((await call(server, access_token, '/scope/read')).status).toBe(200);
    const refused = await call(server, access_token, '/scope/admin');
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toBe(
      'Bearer realm="api", error="insufficient_scope", scope="admin"',
    );
  });

  it('echoes the request and lists it, byte by byte, the token aside', async () => {
    const server = createAuthServer();
    const { access_token } = server.signIn({ user: 'grace' });
    const body = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    const response = await call(server, access_token, '/things?x=1', {
      method: 'PUT',
      body,
      headers: { 'X-Trace': '7' },
    });
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      user: 'grace',
      method: 'PUT',
      url: 'https://auth.test/api/things?x=1',
      headers: { 'x-trace': '7' },
      bodyBase64: Buffer.from(body).toString('base64'),
    });
    expect(text).not.toContain(access_token);
    const [listed] = server.apiRequests;
    expect(listed).toMatchObject({ method: 'PUT', accessToken: access_token, status: 200 });
    expect(Buffer.from(listed?.body ?? []).equals(Buffer.from(body))).toBe(true);
  });

  it('refuses all tokens issued so far, or one, while refresh tokens stay good', async () => {
    const server = createAuthServer();
    const first = server.signIn();
    const second = server.signIn();
    server.revokeAccessTokens(first.access_token);
    expect((await call(server, first.access_token)).status).toBe(401);
    expect((await call(server, second.access_token)).status).toBe(200);
    server.revokeAccessTokens();
    expect((await call(server, second.access_token)).status).toBe(401);
    const third = await (await refresh(server, second.refresh_token)).json();
    expect((await call(server, third.access_token)).status).toBe(200);
  });

  it('does not know other paths', async () => {
    const server = createAuthServer();
    expect((await server.fetch('/apis')).status).toBe(404);
  });
});

describe('revocation', () => {
  it('ends the family of a refresh token, and only an access token itself', async () => {
    const server = createAuthServer();
    const { access_token, refresh_token = '' } = server.signIn();
    const revoke = (token: string) => server.fetch(server.revokeUrl, form({ token }));
    expect((await revoke(access_token)).status).toBe(200);
    expect((await call(server, access_token)).status).toBe(401);
    const refreshed = await refresh(server, refresh_token);
    expect(refreshed.status).toBe(200);
    const next = await refreshed.json();
    expect((await revoke(next.refresh_token)).status).toBe(200);
    expect((await call(server, next.access_token)).status).toBe(401);
    expect((await refresh(server, next.refresh_token)).status).toBe(400);
    expect((await revoke('unknown')).status).toBe(200);
    expect((await server.fetch(server.revokeUrl, form({}))).status).toBe(400);
    expect((await server.fetch(server.revokeUrl, { method: 'POST', body: '{}' })).status).toBe(400);
    expect((await server.fetch(server.revokeUrl)).status).toBe(405);
    expect(server.counts).toMatchObject({ familiesRevoked: 1, reusesDetected: 0 });
  });

  it('does nothing to the token of another client', async () => {
    const server = createAuthServer();
    const { access_token, refresh_token = '' } = server.signIn({ clientId: 'spa' });
    const revoke = (token: string, client_id: string) => server.fetch(server.revokeUrl, form({ token, client_id }));
    await revoke(refresh_token, 'thief');
    await revoke(access_token, 'thief');
    expect([server.inspect(refresh_token)?.active, server.inspect(access_token)?.active]).toEqual([true, true]);
    await revoke(refresh_token, 'spa');
    expect(server.inspect(refresh_token)?.active).toBe(false);
  });

  it('is also had without a request, for one family or all', async () => {
    const server = createAuthServer();
    const [first, second, third] = [server.signIn(), server.signIn(), server.signIn()];
    expect(server.revokeFamily(first.access_token)).toBe(1);
    expect(server.revokeFamily(first.refresh_token)).toBe(0);
    expect(server.inspect(first.refresh_token ?? '')?.active).toBe(false);
    expect(server.revokeFamily()).toBe(2);
    expect((await call(server, second.access_token)).status).toBe(401);
    expect((await refresh(server, third.refresh_token)).status).toBe(400);
  });
});

describe('tokens', () => {
  it('are opaque unless told otherwise', () => {
    const { access_token, refresh_token, ...others } = createAuthServer().signIn();
    expect(access_token).toMatch(/^access\.[\w-]{43}$/);
    expect(refresh_token).toMatch(/^refresh\.[\w-]{43}$/);
    expect(others).toEqual({ token_type: 'Bearer', expires_in: 3_600 });
  });

  it('can be JWTs with times on the clock of the server', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({
      clock,
      tokenFormat: 'jwt',
      clockOffsetMs: -7_200_000,
      accessTokenLifetimeMs: 60_000,
    });
    const { access_token } = server.signIn({ user: 'grace', clientId: 'spa', scope: 'read' });
    const iat = (NOON - 7_200_000) / 1_000;
    expect(claims(access_token)).toMatchObject({
      iss: server.origin,
      sub: 'grace',
      client_id: 'spa',
      iat,
      exp: iat + 60,
    });
    const response = await call(server, access_token);
    expect(response.status).toBe(200);
    expect(response.headers.get('date')).toBe(new Date(NOON - 7_200_000).toUTCString());
  });

  it('include an ID token with claims where openid was granted', async () => {
    const server = createAuthServer();
    const { id_token = '', refresh_token } = server.signIn({
      scope: 'openid',
      claims: { name: 'Ada' },
      clientId: 'spa',
    });
    expect(claims(id_token)).toMatchObject({ sub: 'ada', aud: 'spa', name: 'Ada' });
    const next = await (await refresh(server, refresh_token, { client_id: 'spa' })).json();
    expect(claims(next.id_token)).toMatchObject({ name: 'Ada' });
    expect(server.signIn({ scope: 'read' }).id_token).toBeUndefined();
  });

  it('are the same in every run when chance and clock are given', async () => {
    const run = async () => {
      let state = 1;
      const random = () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      const server = createAuthServer({ clock: fakeClock(NOON), random, tokenFormat: 'jwt' });
      const first = server.signIn();
      return [first, await (await refresh(server, first.refresh_token)).json()];
    };
    expect(await run()).toEqual(await run());
    const tokens = [createAuthServer().signIn(), createAuthServer().signIn()];
    expect(tokens[0]).not.toEqual(tokens[1]);
  });

  it('are forgotten when expired, so that a long run does not grow', async () => {
    const clock = fakeClock(NOON);
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 1_000, refreshTokenLifetimeMs: 1_000 });
    const first = server.signIn();
    expect(server.inspect(first.access_token)).toMatchObject({ active: true, expiresAt: NOON + 1_000 });
    clock.set(NOON + 1_000);
    expect(server.inspect(first.access_token)).toMatchObject({ active: false });
    const sessions = Array.from({ length: 2_100 }, () => server.signIn());
    expect(server.inspect(first.access_token)).toBeUndefined();
    expect(server.inspect(first.refresh_token ?? '')).toBeUndefined();
    const alive = sessions.filter(({ access_token }) => server.inspect(access_token)?.active);
    expect(alive).toHaveLength(2_100);
  });
});

describe('creating', () => {
  it.each([
    [{ origin: 'auth.test' }, 'origin'],
    [{ origin: 'https://auth.test/path' }, 'origin'],
    [{ accessTokenLifetimeMs: -1 }, 'accessTokenLifetimeMs to be milliseconds, got -1'],
    [{ delayMs: Number.NaN }, 'delayMs'],
    [{ reuseWindow: 10 }, 'a switch of the auth server'],
  ])('refuses %o', (options, message) => {
    expect(() => createAuthServer(options as object)).toThrow(message);
  });

  it('can be undone: reset is a new server in the same place', async () => {
    const server = createAuthServer({ accessTokenLifetimeMs: 9_000 });
    const { access_token, refresh_token } = server.signIn();
    await refresh(server, refresh_token);
    await call(server, access_token);
    server.set({ accessTokenLifetimeMs: 5_000 });
    server.next({ status: 500 });
    server.always({ status: 500 });
    server.reset();
    expect([server.tokenRequests.length, server.apiRequests.length]).toEqual([0, 0]);
    expect(server.counts).toEqual({
      refreshesGranted: 0,
      reusesDetected: 0,
      familiesRevoked: 0,
      mostTokenRequestsAtOnce: 0,
    });
    expect((await call(server, access_token)).status).toBe(401);
    const next = server.signIn();
    expect(next.expires_in).toBe(9);
    expect((await refresh(server, next.refresh_token)).status).toBe(200);
    server.set({ accessTokenLifetimeMs: 7_000 });
    expect(server.signIn().expires_in).toBe(7);
    expect(() => server.set({ origin: 'https://elsewhere.test' } as object)).toThrow('a switch');
  });

  it('keeps only so many requests when told to', async () => {
    const server = createAuthServer({ keepRequests: 2 });
    for (const path of ['/1', '/2', '/3']) await call(server, 'x', path);
    expect(server.apiRequests.map(({ url }) => new URL(url).pathname)).toEqual(['/api/2', '/api/3']);
  });
});
