import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type AuthServer, type AuthServerOptions, createAuthServer, fakeClock } from '../../src/testing.js';

const NOON = Date.UTC(2026, 5, 1, 12);
const VERIFIER = 'a-verifier-of-more-than-forty-three-characters-0123456789';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
const CALLBACK = 'https://app.test/callback';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

type Parameters = Record<string, string | undefined>;

function query(parameters: Parameters): URLSearchParams {
  return new URLSearchParams(JSON.parse(JSON.stringify(parameters)) as Record<string, string>);
}

function asked(more: Parameters = {}): URLSearchParams {
  return query({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: CALLBACK,
    state: 's1',
    nonce: 'n1',
    scope: 'openid orders',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  });
}

/** Where the user comes back to, as parameters. */
async function visit(server: AuthServer, more: Parameters = {}): Promise<URLSearchParams> {
  return new URL(await server.authorize(`${server.authorizeUrl}?${asked(more)}`)).searchParams;
}

function post(server: AuthServer, path: string, parameters: Parameters, headers: Record<string, string> = {}) {
  return server.fetch(server.origin + path, { method: 'POST', body: query(parameters), headers });
}

function exchange(server: AuthServer, code: string | null, more: Parameters = {}) {
  const own = { grant_type: 'authorization_code', code: code ?? '', client_id: 'app', redirect_uri: CALLBACK };
  return post(server, '/token', { ...own, code_verifier: VERIFIER, ...more });
}

async function signIn(server: AuthServer, more: Parameters = {}) {
  return (await exchange(server, (await visit(server, more)).get('code'))).json();
}

const claims = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
const call = (server: AuthServer, token: string, path: string) =>
  server.fetch(server.apiUrl + path, { headers: { Authorization: `Bearer ${token}` } });
const on = (options: AuthServerOptions = {}) => {
  const clock = fakeClock(NOON);
  return { clock, server: createAuthServer({ clock, ...options }) };
};

describe('signing in by code', () => {
  it('sends the user back with a code that is worth tokens and an ID token, once', async () => {
    const { server } = on();
    const back = await visit(server);
    expect(Object.fromEntries(back)).toMatchObject({ state: 's1', iss: 'https://auth.test' });
    const response = await exchange(server, back.get('code'));
    const tokens = await response.json();
    expect(response.status).toBe(200);
    expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'openid orders', expires_in: 3_600 });
    expect(claims(tokens.id_token)).toMatchObject({
      iss: 'https://auth.test',
      aud: 'app',
      sub: 'ada',
      nonce: 'n1',
      auth_time: NOON / 1_000,
    });
    expect((await call(server, tokens.access_token, '/me')).status).toBe(200);
    const again = await exchange(server, back.get('code'));
    expect(await again.json()).toMatchObject({ error: 'invalid_grant' });
    expect((await call(server, tokens.access_token, '/me')).status, 'what it was worth is revoked').toBe(401);
    expect(server.tokenRequests.map(({ granted }) => granted)).toEqual([true, false]);
  });

  it.each([
    ['the wrong verifier', { code_verifier: `${VERIFIER}x` }],
    ['another redirect address', { redirect_uri: 'https://app.test/elsewhere' }],
    ['another client', { client_id: 'other' }],
    ['a code of nobody', { code: 'code.unknown' }],
  ])('refuses the code with %s', async (_, more) => {
    const { server } = on();
    const response = await exchange(server, (await visit(server)).get('code'), more);
    expect([response.status, (await response.json()).error]).toEqual([400, 'invalid_grant']);
  });

  it('refuses a code that is too old', async () => {
    const { server, clock } = on({ codeLifetimeMs: 5_000 });
    const code = (await visit(server)).get('code');
    await clock.advance(5_000);
    expect((await exchange(server, code)).status).toBe(400);
  });

  it('wants PKCE, and sends errors back with the state', async () => {
    const { server } = on();
    const back = await visit(server, { code_challenge: undefined });
    expect(Object.fromEntries(back)).toMatchObject({ error: 'invalid_request', state: 's1' });
    expect((await visit(server, { response_type: 'token' })).get('error')).toBe('unsupported_response_type');
  });

  it('sends nobody to an address that is not registered', async () => {
    const clients = [{ clientId: 'app', redirectUris: [CALLBACK, 'http://127.0.0.1/cb'] }];
    const { server } = on({ clients });
    expect((await visit(server)).has('code')).toBe(true);
    expect((await visit(server, { redirect_uri: 'http://127.0.0.1:5123/cb' })).has('code'), 'any port').toBe(true);
    for (const redirect_uri of ['https://evil.test/', 'http://127.0.0.1:1/other', 'http://localhost:1/cb', undefined]) {
      await expect(visit(server, { redirect_uri }), String(redirect_uri)).rejects.toThrow(/status 400/);
    }
    await expect(visit(server, { client_id: 'other' })).rejects.toThrow(/status 400/);
  });

  it('says iss, promises it or leaves it out, as told', async () => {
    const { server } = on();
    const promised = async () =>
      (await (await server.fetch(`${server.origin}/.well-known/oauth-authorization-server`)).json())
        .authorization_response_iss_parameter_supported;
    const seen = [];
    for (const callbackIssuer of ['promised', 'sent', 'omitted'] as const) {
      server.set({ callbackIssuer });
      seen.push([(await visit(server)).has('iss'), await promised()]);
    }
    expect(seen).toEqual([
      [true, true],
      [true, false],
      [false, false],
    ]);
  });

  it('answers in the fragment where that is asked for', async () => {
    const { server } = on();
    const url = new URL(await server.authorize(`${server.authorizeUrl}?${asked({ response_mode: 'fragment' })}`));
    expect([url.search, url.hash.startsWith('#code=')]).toEqual(['', true]);
  });

  it('knows prompts: none needs a user who is signed in and agrees, login signs in anew', async () => {
    const { server, clock } = on({ user: undefined });
    expect((await visit(server, { prompt: 'none' })).get('error')).toBe('login_required');
    await clock.advance(60_000);
    expect(claims((await signIn(server, { login_hint: 'grace' })).id_token)).toMatchObject({
      sub: 'grace',
      auth_time: (NOON + 60_000) / 1_000,
    });
    await clock.advance(60_000);
    expect(claims((await signIn(server, { prompt: 'none' })).id_token).auth_time).toBe((NOON + 60_000) / 1_000);
    expect((await visit(server, { prompt: 'none', max_age: '10' })).get('error')).toBe('login_required');
    expect(claims((await signIn(server, { max_age: '10' })).id_token).auth_time).toBe((NOON + 120_000) / 1_000);
    expect(claims((await signIn(server, { prompt: 'login', acr_values: 'mfa pwd' })).id_token).acr).toBe('mfa');
    server.set({ consent: 'pending' });
    expect((await visit(server, { prompt: 'none' })).get('error')).toBe('consent_required');
  });

  it('refuses, or shows a page, where the user is told to', async () => {
    const { server } = on({ consent: 'refused' });
    expect(Object.fromEntries(await visit(server))).toMatchObject({ error: 'access_denied', state: 's1' });
    server.set({ consent: 'pending' });
    const page = await (await server.fetch(`${server.authorizeUrl}?${asked()}`)).text();
    const [agree = '', refuse = ''] = [...page.matchAll(/href="([^"]+)"/g)].map(([, link = '']) => link);
    const follow = (link: string) => server.authorize(server.origin + link.replaceAll('&amp;', '&'));
    expect(new URL(await follow(agree)).searchParams.has('code')).toBe(true);
    expect(new URL(await follow(refuse)).searchParams.get('error')).toBe('access_denied');
  });

  it('takes pushed requests, of the client that pushed them, for a minute', async () => {
    const { server, clock } = on({ requirePar: true });
    await expect(visit(server)).rejects.toThrow(/status 400/);
    const pushed = await post(server, '/par', Object.fromEntries(asked()));
    const { request_uri, expires_in } = await pushed.json();
    expect([pushed.status, expires_in]).toEqual([201, 60]);
    const go = (client_id: string) =>
      server.authorize(`${server.authorizeUrl}?${new URLSearchParams({ client_id, request_uri })}`);
    const back = new URL(await go('app')).searchParams;
    expect((await exchange(server, back.get('code'))).status).toBe(200);
    await expect(go('other')).rejects.toThrow(/another client/);
    await clock.advance(60_000);
    await expect(go('app')).rejects.toThrow(/too old/);
    const wrong = await post(server, '/par', Object.fromEntries(asked({ code_challenge: undefined })));
    expect([wrong.status, (await wrong.json()).error]).toEqual([400, 'invalid_request']);
  });

  it('says of itself where everything is, under the origin it was asked at', async () => {
    const { server } = on();
    const at = async (path: string, origin = server.origin, send: typeof fetch = server.fetch) =>
      (await send(`${origin}/.well-known/${path}`)).json();
    const metadata = await at('oauth-authorization-server');
    expect(metadata).toMatchObject({ issuer: server.origin, token_endpoint: server.tokenUrl });
    expect(await at('openid-configuration')).toEqual(metadata);
    expect(await at('oauth-protected-resource/api')).toMatchObject({
      resource: server.apiUrl,
      authorization_servers: [server.origin],
    });
    const listening = await server.listen();
    try {
      const { issuer } = await at('openid-configuration', listening.origin, fetch);
      expect(issuer).toBe(listening.origin);
      const response = await fetch(`${listening.authorizeUrl}?${asked()}`, { redirect: 'manual' });
      const { searchParams } = new URL(response.headers.get('location') ?? '');
      expect(searchParams.get('iss')).toBe(listening.origin);
      expect(claims((await (await exchange(server, searchParams.get('code'))).json()).id_token).iss).toBe(
        listening.origin,
      );
    } finally {
      await listening.close();
    }
  });
});

describe('devices', () => {
  it('wait for their user at the pace that was agreed, and are slowed down for good', async () => {
    const { server, clock } = on({ consent: 'pending' });
    const device = await (await post(server, '/device_authorization', { client_id: 'app', scope: 'openid' })).json();
    expect(device).toMatchObject({ expires_in: 600, interval: 5, verification_uri: `${server.origin}/device` });
    expect(device.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    const poll = async () =>
      (await post(server, '/token', { grant_type: DEVICE, device_code: device.device_code, client_id: 'app' })).json();
    expect((await poll()).error).toBe('slow_down');
    await clock.advance(10_000);
    expect((await poll()).error).toBe('authorization_pending');
    await clock.advance(9_999);
    expect((await poll()).error).toBe('slow_down');
    expect((await server.fetch(device.verification_uri_complete)).status).toBe(200);
    await clock.advance(15_000);
    expect(await poll()).toMatchObject({ token_type: 'Bearer', id_token: expect.any(String) });
    expect((await poll()).error, 'worth tokens once').toBe('invalid_grant');
  });

  it.each([
    ['access_denied', 10_000, 'refused'],
    ['expired_token', 600_000, 'pending'],
  ] as const)('are told %s', async (error, elapsed, consent) => {
    const { server, clock } = on({ consent });
    const { device_code } = await (await post(server, '/device_authorization', { client_id: 'app' })).json();
    await clock.advance(elapsed);
    const response = await post(server, '/token', { grant_type: DEVICE, device_code, client_id: 'app' });
    expect((await response.json()).error).toBe(error);
  });
});

describe('the client itself', () => {
  it('gets an access token and nothing else, where it has a secret', async () => {
    const clients = [{ clientId: 'job', clientSecret: 'x' }, { clientId: 'app' }];
    const { server } = on({ clients });
    const ask = (more: Parameters) => post(server, '/token', { grant_type: 'client_credentials', ...more });
    const tokens = await (await ask({ client_id: 'job', client_secret: 'x', scope: 'orders' })).json();
    expect(tokens).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: 'orders',
    });
    expect((await call(server, tokens.access_token, '/scope/orders')).status).toBe(200);
    expect((await (await ask({ client_id: 'app' })).json()).error).toBe('unauthorized_client');
  });

  it('exchanges tokens and assertions', async () => {
    const { server } = on();
    const { access_token: subject_token } = server.signIn({ user: 'grace' });
    const exchanged = await (
      await post(server, '/token', {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      })
    ).json();
    expect(server.inspect(exchanged.access_token)?.user).toBe('grace');
    const assertion = `e30.${Buffer.from('{"sub":"job"}').toString('base64url')}.`;
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const bearer = await (await post(server, '/token', { grant_type, assertion })).json();
    expect(server.inspect(bearer.access_token)?.user).toBe('job');
    expect((await post(server, '/token', { grant_type, assertion: 'no.jwt' })).status).toBe(400);
  });
});

describe('resources (RFC 8707)', () => {
  it('are those that the user was asked for, and no others', async () => {
    const { server } = on({ resources: ['https://a.test/', 'https://b.test/', 'https://c.test/'] });
    const parameters = asked();
    for (const resource of ['https://a.test/', 'https://b.test/']) parameters.append('resource', resource);
    const back = new URL(await server.authorize(`${server.authorizeUrl}?${parameters}`)).searchParams;
    const first = await (await exchange(server, back.get('code'))).json();
    expect(server.inspect(first.access_token)?.resource).toBe('https://a.test/');
    const ask = (resource: string) =>
      post(server, '/token', {
        grant_type: 'refresh_token',
        refresh_token: first.refresh_token,
        client_id: 'app',
        resource,
      });
    for (const other of ['https://c.test/', 'https://d.test/']) {
      expect((await (await ask(other)).json()).error).toBe('invalid_target');
    }
    const second = await (await ask('https://b.test/')).json();
    expect((await call(server, second.access_token, `/resource/${encodeURIComponent('https://b.test/')}`)).status).toBe(
      200,
    );
    expect((await call(server, second.access_token, `/resource/${encodeURIComponent('https://a.test/')}`)).status).toBe(
      401,
    );
    expect((await visit(server, { resource: 'https://d.test/' })).get('error')).toBe('invalid_target');
  });
});

describe('an API that wants more (RFC 9470)', () => {
  it('names the way, the age, the scope or the claim that is missing, and is content with a sign-in that has it', async () => {
    const { server, clock } = on();
    const { access_token: plain } = await signIn(server);
    const challenge = async (path: string) => (await call(server, plain, path)).headers.get('www-authenticate');
    expect(await challenge('/acr/mfa')).toBe(
      'Bearer realm="api", error="insufficient_user_authentication", acr_values="mfa"',
    );
    await clock.advance(11_000);
    expect(await challenge('/max-age/10')).toContain('max_age="10"');
    expect(await challenge('/scope/admin')).toContain('scope="admin"');
    const claim = /claims="([^"]+)"/.exec((await challenge('/claims/cae')) ?? '')?.[1] ?? '';
    const { access_token: better } = await signIn(server, {
      scope: 'openid admin',
      acr_values: 'mfa',
      max_age: '0',
      claims: atob(claim),
    });
    for (const path of ['/acr/mfa', '/max-age/10', '/scope/admin', '/claims/cae']) {
      expect((await call(server, better, path)).status, path).toBe(200);
    }
  });

  it('is content with a refresh that asks for the claim', async () => {
    const { server } = on();
    const { refresh_token } = await signIn(server);
    const asks = {
      grant_type: 'refresh_token',
      refresh_token,
      client_id: 'app',
      claims: '{"access_token":{"cae":null}}',
    };
    const { access_token } = await (await post(server, '/token', asks)).json();
    expect((await call(server, access_token, '/claims/cae')).status).toBe(200);
  });
});

describe('the account', () => {
  it('is told by userinfo and introspection', async () => {
    const { server } = on();
    const { access_token, refresh_token } = await signIn(server);
    const userInfo = (token: string) =>
      server.fetch(`${server.origin}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    expect(await (await userInfo(access_token)).json()).toMatchObject({ sub: 'ada' });
    expect((await userInfo(refresh_token)).status).toBe(401);
    const introspect = async (token: string) => (await post(server, '/introspect', { token, client_id: 'app' })).json();
    expect(await introspect(access_token)).toMatchObject({ active: true, sub: 'ada', client_id: 'app' });
    expect(await introspect('unknown')).toEqual({ active: false });
  });

  it('is signed out at the server itself by whoever has its ID token, expired or not', async () => {
    const { server, clock } = on();
    const { id_token } = await signIn(server);
    await clock.advance(100_000_000);
    const out = (parameters: Parameters) => server.fetch(`${server.origin}/logout?${query(parameters)}`);
    const post_logout_redirect_uri = 'https://app.test/bye';
    expect((await out({ post_logout_redirect_uri })).status, 'asks').toBe(200);
    expect((await visit(server, { prompt: 'none' })).has('code')).toBe(true);
    expect((await out({ id_token_hint: `${id_token}x` })).status).toBe(400);
    const response = await out({ id_token_hint: id_token, post_logout_redirect_uri, state: 'z' });
    expect(response.headers.get('location')).toBe('https://app.test/bye?state=z');
    expect((await visit(server, { prompt: 'none' })).get('error')).toBe('login_required');
  });
});

it('hides its headers from pages of other origins where it is told to', async () => {
  const { server } = on();
  const seen = async () =>
    (await server.fetch(server.apiUrl, { headers: { origin: 'https://app.test' } })).headers.get(
      'access-control-expose-headers',
    );
  expect(await seen()).toContain('WWW-Authenticate');
  server.set({ exposeHeaders: false });
  expect(await seen()).toBeNull();
});

it('a reset lets go of codes, pushed requests and devices', async () => {
  const { server } = on();
  const code = (await visit(server)).get('code');
  server.reset();
  expect((await exchange(server, code)).status).toBe(400);
});
