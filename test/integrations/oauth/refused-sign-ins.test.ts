import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type ServerMetadata, SignInError } from '../../../src/integrations/oauth.js';
import { CALLBACK, type Page, type SignInWorld, signInWorld } from '../../support/sign-in-world.js';

const idToken = (token: string, change: (claims: Record<string, unknown>) => object, header?: object) => {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const claims = change(JSON.parse(Buffer.from(payload, 'base64url').toString()));
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return [header ? encode(header) : head, encode(claims), signature].join('.');
};

async function begun(world: SignInWorld, page: Page, options = {}): Promise<string> {
  return world.visit(await world.run(page.signIn.begin({ returnTo: '/a', ...options })));
}

const tokenRequests = ({ requests }: SignInWorld) => requests.filter((request) => request === 'POST /token').length;

describe('J8: a callback whose issuer is not the one the user was sent to is refused before the code is sent anywhere', () => {
  test.each([
    ['missing where promised', (url: URL) => url.searchParams.delete('iss')],
    ['another', (url: URL) => url.searchParams.set('iss', 'https://evil.test')],
    ['with a slash at its end', (url: URL) => url.searchParams.set('iss', 'https://auth.test/')],
    ['empty', (url: URL) => url.searchParams.set('iss', '')],
    ['another beside an error', (url: URL) => setAll(url, { iss: 'https://evil.test', error: 'access_denied' })],
  ])('%s', async (_, change) => {
    const world = signInWorld();
    const page = world.page();
    const back = new URL(await begun(world, page));
    change(back);
    expect(await world.reason(page.signIn.finish(back.href))).toMatchObject({
      code: 'ERR_SIGN_IN_RESPONSE',
      returnTo: '/a',
    });
    expect(tokenRequests(world)).toBe(0);
  });

  test('an empty one is another one, also where none was promised', async () => {
    const world = signInWorld({ callbackIssuer: 'omitted' });
    const page = world.page();
    const back = await begun(world, page);
    expect(await world.reason(page.signIn.finish(`${back}&iss=`))).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(tokenRequests(world)).toBe(0);
  });

  test('sent although it was not promised, it must match all the same', async () => {
    const world = signInWorld({ callbackIssuer: 'sent' });
    const page = world.page();
    const back = new URL(await begun(world, page));
    back.searchParams.set('iss', 'https://evil.test');
    expect((await world.reason(page.signIn.finish(back.href))).code).toBe('ERR_SIGN_IN_RESPONSE');
    world.server.set({ callbackIssuer: 'omitted' });
    await world.run(page.signIn.finish(await begun(world, page)));
    expect(page.tokens.getSnapshot().status).toBe('active');
  });
});

test.each(['code', 'state', 'iss', 'error'])(
  'a callback with %s twice is refused, and nothing is sent',
  async (name) => {
    const world = signInWorld();
    const page = world.page();
    const back = new URL(await begun(world, page));
    back.searchParams.append(name, back.searchParams.get(name) ?? 'access_denied');
    if (name === 'error') back.searchParams.append(name, 'access_denied');
    expect((await world.reason(page.signIn.finish(back.href))).code).toBe('ERR_SIGN_IN_RESPONSE');
    expect(tokenRequests(world)).toBe(0);
  },
);

test.each(['response', 'id_token', 'token', 'access_token'])(
  'a callback with %s beside its code is refused: nobody asked for that',
  async (name) => {
    const world = signInWorld();
    const page = world.page();
    const back = new URL(await begun(world, page));
    back.searchParams.set(name, 'x');
    expect((await world.reason(page.signIn.finish(back.href))).code).toBe('ERR_SIGN_IN_RESPONSE');
    expect(tokenRequests(world)).toBe(0);
  },
);

test('an address that is not the redirect address of the sign-in leaves it alone', async () => {
  const world = signInWorld();
  const page = world.page();
  const back = await begun(world, page);
  expect(await world.run(page.signIn.finish(back.replace('/callback', '/elsewhere')))).toBeUndefined();
  expect(await world.run(page.signIn.finish(back))).toEqual({ returnTo: '/a' });
});

describe('J9: metadata that speak for somebody else are refused', () => {
  const discovery = (world: SignInWorld, change: (path: string, own: object) => object | undefined) =>
    world.server.always(
      ({ url }) => ({ acts: true, body: (own: object) => change(new URL(url).pathname, own) ?? '<html>none</html>' }),
      { endpoint: 'discovery' },
    );

  test('of another issuer, at whatever place', async () => {
    const world = signInWorld();
    discovery(world, (_, own) => ({ ...own, issuer: 'https://auth.test/' }));
    const error = await world.reason(world.page().signIn.begin());
    expect(error).toMatchObject({ code: 'ERR_SIGN_IN_CONFIG' });
    expect(error.message).toContain('another issuer');
    expect(world.pending()).toBeUndefined();
  });

  test('unless another place names the right one; HTML is passed over', async () => {
    const world = signInWorld();
    discovery(world, (path, own) => (path.includes('oauth-') ? undefined : own));
    await world.run(world.page().signIn.begin());
    discovery(world, (path, own) => (path.includes('oauth-') ? { ...own, issuer: 'https://evil.test' } : own));
    await world.run(world.page(world.first.open()).signIn.begin());
  });

  test('with an endpoint that is not https', async () => {
    const world = signInWorld();
    discovery(world, (_, own) => ({ ...own, token_endpoint: 'http://auth.test/token' }));
    const error = await world.reason(world.page().signIn.begin());
    expect(error).toMatchObject({ code: 'ERR_SIGN_IN_CONFIG' });
    expect(error.message).toContain('token_endpoint');
  });

  test('but an endpoint that is null is one that the server does not have', async () => {
    const world = signInWorld();
    discovery(world, (_, own) => ({ ...own, registration_endpoint: null, end_session_endpoint: null }));
    const page = world.page();
    await world.run(page.signIn.finish(await begun(world, page)));
    expect(await world.run(page.signIn.end())).toBeUndefined();
  });

  test('a server that cannot be reached is told apart, and is asked again later', async () => {
    const world = signInWorld();
    const { signIn } = world.page();
    world.server.next({ status: 503 }, { endpoint: 'discovery', times: 2 });
    const refused = await world.reason(signIn.begin());
    expect(refused).toMatchObject({ code: 'ERR_SIGN_IN_NETWORK', again: 'begin' });
    expect(refused.message).toContain('metadata of https://auth.test below /.well-known/, but status 503 came');
    await world.run(signIn.begin());
  });

  test.each([
    ['a code', Object.assign(new Error(), { code: 'ECONNREFUSED' }), 'no answer (ECONNREFUSED) came; check the issuer'],
    ['none', undefined, 'no answer came; check the issuer'],
    ['what is no code', { code: 'rt-canary' }, 'no answer came; check the issuer'],
  ])('where nobody answers, the message says who was asked and why that failed: %s', async (_, cause, said) => {
    const world = signInWorld();
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause }));
    const refused = await world.reason(world.page(world.first, { fetch }).signIn.begin());
    expect(refused).toMatchObject({ code: 'ERR_SIGN_IN_NETWORK', again: 'begin' });
    expect(refused.message).toContain(`metadata of https://auth.test below /.well-known/, but ${said}`);
  });

  test('one request serves all who wait, and it is not made again', async () => {
    const world = signInWorld();
    const { signIn } = world.page();
    await world.run(Promise.all([signIn.begin(), signIn.begin(), signIn.begin()]));
    await world.run(signIn.begin());
    expect(world.requests.filter((request) => request.includes('well-known'))).toHaveLength(1);
  });

  test('an issuer with a path is looked up in three places', async () => {
    const world = signInWorld();
    const seen: string[] = [];
    const page = world.page(world.first, {
      issuer: 'https://auth.test/tenant',
      fetch: async (url) => {
        seen.push(String(url));
        return new Response('', { status: 404 });
      },
    });
    expect((await world.reason(page.signIn.begin())).code).toBe('ERR_SIGN_IN_CONFIG');
    expect(seen).toEqual([
      'https://auth.test/.well-known/oauth-authorization-server/tenant',
      'https://auth.test/.well-known/openid-configuration/tenant',
      'https://auth.test/tenant/.well-known/openid-configuration',
    ]);
  });
});

test('J10: the code goes to the server that the user was sent to, also when the options have changed meanwhile', async () => {
  const world = signInWorld();
  const back = await begun(world, world.page());
  const evil: ServerMetadata = {
    issuer: 'https://evil.test',
    authorization_endpoint: 'https://evil.test/authorize',
    token_endpoint: 'https://evil.test/token',
  };
  const moved = world.page(world.first.open(), { issuer: evil });
  await world.run(moved.signIn.finish(back));
  expect(world.server.tokenRequests.map(({ url }) => url)).toEqual([world.server.tokenUrl]);
  const other = await begun(world, world.page(world.first.open()));
  const renamed = world.page(world.first.open(), { clientId: 'renamed' });
  expect((await world.reason(renamed.signIn.finish(other))).code).toBe('ERR_SIGN_IN_CONFIG');
  expect(world.server.tokenRequests).toHaveLength(1);
});

describe('J11: an answer that is not for this sign-in is refused, and what was granted is revoked', () => {
  type Claims = Record<string, unknown>;
  const changed = (change: (claims: Claims) => Claims, header?: object) => (own: { id_token: string }) => ({
    ...own,
    id_token: idToken(own.id_token, change, header),
  });
  test.each<[string, (own: never) => object]>([
    ['nonce', changed((claims) => ({ ...claims, nonce: 'other' }))],
    ['no nonce', changed(({ nonce: _, ...claims }) => claims)],
    ['audience', changed((claims) => ({ ...claims, aud: 'other' }))],
    ['one audience too many', changed((claims) => ({ ...claims, aud: ['app', 'other'] }))],
    ['issuer', changed((claims) => ({ ...claims, iss: 'https://evil.test' }))],
    ['no subject', changed(({ sub: _, ...claims }) => claims)],
    ['an empty subject', changed((claims) => ({ ...claims, sub: '' }))],
    ['over when it was issued', changed((claims) => ({ ...claims, exp: claims.iat }))],
    ['auth_time', changed((claims) => ({ ...claims, auth_time: Number(claims.iat) - 1_000 }))],
    ['alg none', changed((claims) => claims, { alg: 'none' })],
    ['no ID token', ({ id_token: _, ...own }: { id_token: string }) => own],
    ['no JWT', (own: object) => ({ ...own, id_token: 'opaque' })],
    ['no token type', ({ token_type: _, ...own }: { token_type: string }) => own],
    ['another token type', (own: object) => ({ ...own, token_type: 'MAC' })],
    ['DPoP where no key is', (own: object) => ({ ...own, token_type: 'DPoP' })],
    ['no access token', ({ access_token: _, ...own }: { access_token: string }) => own],
    ['an access token that no header can carry', (own: object) => ({ ...own, access_token: 'a b' })],
    ['a lifetime that is none', (own: object) => ({ ...own, expires_in: 'soon' })],
  ])('%s', async (_, body) => {
    const world = signInWorld();
    const page = world.page();
    const back = await begun(world, page, { maxAgeMs: 300_999 });
    world.server.next({ acts: true, body });
    const error = await world.reason(page.signIn.finish(back));
    expect(error).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE', returnTo: '/a' });
    expect(world.requests.at(-1)).toBe('POST /revoke');
    expect(world.server.counts.familiesRevoked).toBe(1);
    expect([page.tokens.getSnapshot().status, world.pending()]).toEqual(['loading', undefined]);
  });

  test('the clock of the device takes no part in it', async () => {
    for (const clockOffsetMs of [-7_200_000, 7_200_000, 86_400_000 * 3_650]) {
      const world = signInWorld({ clockOffsetMs });
      const page = world.page();
      await world.run(page.signIn.finish(await begun(world, page, { maxAgeMs: 60_000 })));
      expect(page.tokens.getSnapshot().status).toBe('active');
    }
  });

  test('a lifetime as a string, and a scope that is left out, are as good as a number and the scopes asked for', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await begun(world, page);
    world.server.next({
      acts: true,
      body: ({ scope: _, ...own }: { scope: string }) => ({ ...own, expires_in: '60' }),
    });
    await world.run(page.signIn.finish(back));
    const { expiresAt, scopes } = page.tokens.getSnapshot();
    expect([expiresAt, scopes]).toEqual([world.clock.now() + 60_000, ['openid', 'offline_access']]);
  });

  test.each<[string, object, readonly string[]]>([
    ['null for what is missing', { scope: null, expires_in: null }, ['openid', 'offline_access']],
    ['scopes as a list', { scope: ['openid', 'orders'] }, ['openid', 'orders']],
  ])('%s, as some servers send it, signs the user in', async (_, more, scopes) => {
    const world = signInWorld();
    const page = world.page();
    const back = await begun(world, page);
    world.server.next({ acts: true, body: (own: object) => ({ ...own, ...more }) });
    await world.run(page.signIn.finish(back));
    expect(page.tokens.getSnapshot()).toMatchObject({ status: 'active', scopes });
  });

  test('null for a refresh token or an ID token means none', async () => {
    const world = signInWorld();
    const page = world.page(world.first, { scopes: ['orders'] });
    const back = await begun(world, page);
    world.server.next({ acts: true, body: (own: object) => ({ ...own, refresh_token: null, id_token: null }) });
    await world.run(page.signIn.finish(back));
    expect(page.tokens.getSnapshot()).toMatchObject({ status: 'active', claims: undefined });
  });

  test('null for an ID token that was asked for is none, and is refused', async () => {
    const world = signInWorld();
    const page = world.page();
    const back = await begun(world, page);
    world.server.next({ acts: true, body: (own: object) => ({ ...own, id_token: null }) });
    expect((await world.reason(page.signIn.finish(back))).code).toBe('ERR_SIGN_IN_RESPONSE');
    expect(world.server.counts.familiesRevoked).toBe(1);
  });

  test('without openid an answer needs no ID token, and max_age is sent but not checked', async () => {
    const world = signInWorld();
    const page = world.page(world.first, { scopes: ['orders'] });
    await world.run(page.signIn.finish(await begun(world, page, { maxAgeMs: 1_000 })));
    expect(page.tokens.getSnapshot()).toMatchObject({ status: 'active', scopes: ['orders'], claims: undefined });
  });
});

describe('what the server says of a code', () => {
  test.each<[string, object, Record<string, unknown>]>([
    ['invalid_client', { status: 401, body: { error: 'invalid_client' } }, { code: 'ERR_SIGN_IN_CONFIG' }],
    ['unauthorized_client', { status: 400, body: { error: 'unauthorized_client' } }, { code: 'ERR_SIGN_IN_CONFIG' }],
    ['a redirect', { status: 302, headers: { Location: 'https://evil.test' } }, { code: 'ERR_SIGN_IN_CONFIG' }],
    [
      'invalid_grant',
      { status: 400, body: { error: 'invalid_grant' } },
      { code: 'ERR_SIGN_IN_RESPONSE', oauthError: 'invalid_grant' },
    ],
    ['another refusal', { status: 403, body: '<html>' }, { code: 'ERR_SIGN_IN_RESPONSE', status: 403 }],
    ['a page', { status: 200, body: '<html>Wi-Fi</html>' }, { code: 'ERR_SIGN_IN_RESPONSE' }],
    ['no answer', { drop: true }, { code: 'ERR_SIGN_IN_NETWORK', again: 'begin' }],
    ['a lost answer', { acts: true, drop: true }, { code: 'ERR_SIGN_IN_NETWORK', again: 'begin' }],
  ])('%s', async (_, answer, expected) => {
    const world = signInWorld();
    const page = world.page();
    const back = await begun(world, page);
    world.server.next(answer);
    const error = await world.reason(page.signIn.finish(back));
    expect(error).toMatchObject({ ...expected, returnTo: '/a' });
    expect(error.again).toBe(expected.again);
    // without an answer the page may be on its way, and the next one has to know where the user was: no secret is left
    const left = { pending: [], traces: [{ redirectUri: expect.any(String), returnTo: '/a' }] };
    if (expected.again === 'begin') expect(JSON.parse(world.pending() ?? '{}')).toMatchObject(left);
    else expect(world.pending()).toBeUndefined();
    expect(tokenRequests(world)).toBe(1);
    const again = await world.reason(page.signIn.finish(back));
    expect(again.code, 'the code is never sent again unasked').toBe('ERR_SIGN_IN_UNKNOWN');
  });

  test.each([429, 503])('status %s: finishing again in a moment is enough', async (status) => {
    const world = signInWorld();
    const page = world.page();
    const back = await begun(world, page);
    world.server.next({ status });
    expect(await world.reason(page.signIn.finish(back))).toMatchObject({
      code: 'ERR_SIGN_IN_NETWORK',
      again: 'finish',
      status,
    });
    expect(await world.run(page.signIn.finish(back))).toEqual({ returnTo: '/a' });
    expect(page.tokens.getSnapshot().status).toBe('active');
  });
});

test.each<[string, string, string | undefined]>([
  ['access_denied', 'ERR_SIGN_IN_CANCELLED', undefined],
  ['login_required', 'ERR_SIGN_IN_REQUIRED', undefined],
  ['interaction_required', 'ERR_SIGN_IN_REQUIRED', undefined],
  ['consent_required', 'ERR_SIGN_IN_REQUIRED', undefined],
  ['account_selection_required', 'ERR_SIGN_IN_REQUIRED', undefined],
  ['server_error', 'ERR_SIGN_IN_NETWORK', 'begin'],
  ['temporarily_unavailable', 'ERR_SIGN_IN_NETWORK', 'begin'],
  ['invalid_scope', 'ERR_SIGN_IN_CONFIG', undefined],
  ['unauthorized_client', 'ERR_SIGN_IN_CONFIG', undefined],
  ['invalid_request', 'ERR_SIGN_IN_CONFIG', undefined],
  ['unsupported_response_type', 'ERR_SIGN_IN_CONFIG', undefined],
  ['invalid_target', 'ERR_SIGN_IN_CONFIG', undefined],
  ['something_else', 'ERR_SIGN_IN_RESPONSE', undefined],
  ['constructor', 'ERR_SIGN_IN_RESPONSE', undefined],
  ['toString', 'ERR_SIGN_IN_RESPONSE', undefined],
])('a callback with error=%s is told as %s', async (oauthError, code, again) => {
  const world = signInWorld();
  const page = world.page();
  const back = new URL(await begun(world, page));
  back.searchParams.delete('code');
  back.searchParams.set('error', oauthError);
  const error = await world.reason(page.signIn.finish(back.href));
  expect(error).toBeInstanceOf(SignInError);
  expect([error.code, error.oauthError, error.again, error.returnTo]).toEqual([code, oauthError, again, '/a']);
  expect(world.pending()).toBeUndefined();
});

describe('a storage that fails', () => {
  test('cannot be written: begin says so', async () => {
    const world = signInWorld();
    const { signIn, peer } = world.page();
    peer.storageFault = (operation) => (operation === 'setItem' ? { error: new Error('full') } : undefined);
    expect((await world.reason(signIn.begin())).code).toBe('ERR_STORAGE_WRITE');
  });

  test('cannot be read: finish says so, and finishing again works', async () => {
    const world = signInWorld();
    const { signIn, peer, tokens } = world.page();
    const back = await world.visit(await world.run(signIn.begin()));
    peer.storageFault = (operation) => (operation === 'getItem' ? { error: new Error('busy') } : undefined);
    expect((await world.reason(signIn.finish(back))).code).toBe('ERR_STORAGE_READ');
    peer.storageFault = undefined;
    await world.run(signIn.finish(back));
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('takes sign-ins, but no session: finish resolves, and the session lives in memory', async () => {
    const world = signInWorld();
    const { signIn, peer, tokens } = world.page();
    const back = await world.visit(await world.run(signIn.begin()));
    peer.storageFault = (operation, key) =>
      operation === 'setItem' && key === 'evertoken:session' ? { error: new Error('full') } : undefined;
    await world.run(signIn.finish(back));
    expect(tokens.getSnapshot().status).toBe('active');
    // somebody is signed in, whatever the storage knows
    expect(await world.run(signIn.finish(`${CALLBACK}?code=x&state=unknown`))).toEqual({ returnTo: undefined });
  });

  test('that is silent holds nobody for ever', async () => {
    const world = signInWorld();
    const { signIn, peer } = world.page();
    await world.run(signIn.begin());
    peer.storageFault = { hang: true };
    expect((await world.reason(signIn.begin())).code).toBe('ERR_STORAGE_READ');
  });

  test('that is silent keeps nobody from signing out', async () => {
    const world = signInWorld();
    const { signIn, peer, tokens } = world.page();
    await world.run(signIn.finish(await world.visit(await world.run(signIn.begin()))));
    peer.storageFault = { hang: true };
    const begunAt = world.clock.now();
    expect((await world.reason(signIn.end())).code).toMatch(/^ERR_STORAGE/);
    expect(tokens.getSnapshot().status).toBe('none');
    expect(world.clock.now() - begunAt).toBeLessThan(60_000);
  });

  test('a damaged item counts as none', async () => {
    const world = signInWorld();
    const { signIn, platform, tokens } = world.page();
    for (const text of ['{', '[]', '{"evertoken":1,"pending":[null,1,["a"]],"traces":[null]}', '{"evertoken":9}']) {
      await platform.storage.setItem('evertoken:session:sign-ins', text);
      await world.run(signIn.finish(await world.visit(await world.run(signIn.begin()))));
      expect(tokens.getSnapshot().status).toBe('active');
    }
  });
});

test('J7: no code, state, verifier or token is in any error, event, lock name or storage key', async () => {
  const world = signInWorld();
  const page = world.page();
  const seen: unknown[] = [];
  world.onMoment = (name) => seen.push(name);
  for (const type of ['sessionStarted', 'sessionEnded', 'refreshFailed', 'storageFailed', 'revokeFailed'] as const) {
    page.tokens.on(type, (event) => seen.push(event));
  }
  const secrets: string[] = [];
  const finish = async (answer?: object, change: (url: URL) => void = () => undefined) => {
    const url = await world.run(page.signIn.begin());
    for (const [state, { verifier, nonce }] of JSON.parse(world.pending() ?? '{}').pending)
      secrets.push(state, verifier, nonce);
    const back = new URL(await world.visit(url));
    secrets.push(back.searchParams.get('code') ?? '');
    if (answer) world.server.next(answer);
    change(back);
    await world.run(page.signIn.finish(back.href)).catch((error) => seen.push(error));
  };
  await finish();
  const echo = ({ parameters }: { parameters: Record<string, string> }) => ({
    status: 400,
    body: { error: parameters.code, error_description: parameters.code_verifier },
  });
  world.server.next(echo as never);
  await finish();
  await finish({
    acts: true,
    body: (own: { id_token: string }) => ({ ...own, id_token: idToken(own.id_token, () => ({})) }),
  });
  await finish({ acts: true, body: (own: { access_token: string }) => ({ ...own, token_type: [own.access_token] }) });
  await finish({ status: 200, body: '{"access_token":"se' });
  await finish({ drop: true });
  await finish(undefined, (url) => url.searchParams.set('iss', url.searchParams.get('code') ?? ''));
  await finish(undefined, (url) => setAll(url, { error: url.searchParams.get('state') ?? '' }));
  await finish(undefined, (url) => url.searchParams.append('code', url.searchParams.get('code') ?? ''));
  await world.run(page.signIn.end());
  for (const text of world.bodies) {
    for (const [, token = ''] of text.matchAll(/"(?:access|refresh|id)_token":"([^"]{20,})"/g)) secrets.push(token);
  }
  const shown = inspect(seen, { depth: 10, showHidden: true, maxStringLength: null });
  expect(secrets.filter(Boolean).length).toBeGreaterThan(30);
  expect(secrets.filter((secret) => secret && shown.includes(secret.slice(0, 12)))).toEqual([]);
  expect(seen.filter((item) => item instanceof Error).length).toBeGreaterThan(7);
});

function setAll(url: URL, parameters: Record<string, string>): void {
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
}
