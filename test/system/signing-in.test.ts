import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { type DeviceCode, deviceSignIn } from '../../src/integrations/device.js';
import {
  createSignIn,
  forResource,
  grant,
  introspect,
  type OAuthClientOptions,
  oauthClient,
  refreshWith,
  registerClient,
  revokeWith,
  type SignIn,
  userInfo,
} from '../../src/integrations/oauth.js';
import { impatientClock } from '../support/impatient-clock.js';
import { startSigningInProvider } from '../support/signing-in-provider.mjs';

let provider: Awaited<ReturnType<typeof startSigningInProvider>>;
let privateKey: CryptoKey;

beforeAll(async () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  privateKey = pair.privateKey;
  const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), use: 'sig', alg: 'ES256' };
  provider = await startSigningInProvider({ jwks: { keys: [jwk] } } as never);
});
afterAll(() => provider.close());

function page(options: Partial<OAuthClientOptions> = {}): {
  tokens: TokenManager;
  signIn: SignIn;
  client: ReturnType<typeof oauthClient>;
} {
  const client = oauthClient({
    issuer: provider.issuer,
    clientId: 'app',
    redirectUri: 'https://app.test/callback',
    scopes: ['openid', 'offline_access', 'orders'],
    resource: 'https://api.test/',
    ...options,
  });
  const platform = inProcess();
  const tokens = createTokenManager({
    refresh: refreshWith(client),
    revoke: revokeWith(client),
    platform,
    proactive: false,
  });
  onTestFinished(() => tokens.dispose());
  return { tokens, client, signIn: createSignIn({ client, tokens, platform }) };
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

describe('against a real OpenID provider', () => {
  test('a page signs in with a pushed request, refreshes, and signs out everywhere', async () => {
    const { signIn, tokens, client } = page();
    provider.requests.length = 0;
    const back = await provider.visit(await signIn.begin({ returnTo: '/orders' }));
    expect(new URL(back).searchParams.get('iss')).toBe(provider.issuer);
    expect(await signIn.finish(back)).toEqual({ returnTo: '/orders' });
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { sub: 'ada', aud: 'app' } });
    const first = await tokens.getAccessToken();
    expect(claimsOf(first)).toMatchObject({ aud: 'https://api.test/', scope: 'orders' });
    await tokens.refresh();
    const second = await tokens.getAccessToken();
    expect(second).not.toBe(first);
    expect(claimsOf(second).aud).toBe('https://api.test/');
    expect(provider.requests.filter((request) => /well-known|request|token$/.test(request))).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'POST /request',
      'POST /token',
      'POST /token',
    ]);
    const out = new URL((await signIn.end({ returnTo: 'https://app.test/bye' })) ?? '');
    expect(out.pathname).toBe('/session/end');
    expect(claimsOf(out.searchParams.get('id_token_hint') ?? '')).toMatchObject({ sub: 'ada' });
    expect((await fetch(out)).status, 'the hint is accepted').toBe(200);
    expect(provider.requests).toContain('POST /token/revocation');
    expect(client.issuer).toBe(provider.issuer);
  });

  test('one sign-in gives an access token for each of several APIs, at once and under strict rotation', async () => {
    const resource = ['https://api.test/', 'https://files.test/', 'https://mail.test/'];
    const { signIn, tokens } = page({ resource });
    await signIn.finish(await provider.visit(await signIn.begin()));
    provider.requests.length = 0;
    const sources = [tokens, ...resource.slice(1).map((one) => forResource(tokens, { resource: one }))];
    const given = () => Promise.all(sources.map((source) => source.getAccessToken()));
    const first = await given();
    expect(first.map((token) => claimsOf(token).aud)).toEqual(resource);
    expect(await given()).toEqual(first);
    await expect(forResource(tokens, { resource: 'https://other.test/' }).getAccessToken()).rejects.toMatchObject({
      code: 'ERR_REFRESH_CONFIG',
    });
    const [, files = ''] = first;
    const other = await sources[1]?.replaceAccessToken(files);
    expect(claimsOf(other ?? '').aud).toBe('https://files.test/');
    await tokens.refresh();
    expect(claimsOf(await tokens.getAccessToken()).aud).toBe('https://api.test/');
    expect(provider.requests.filter((request) => request === 'POST /token')).toHaveLength(4);
  });

  test('without PAR the request goes into the address', async () => {
    const document = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
    const { pushed_authorization_request_endpoint: _, ...issuer } = document;
    const { signIn, tokens } = page({ issuer });
    const url = await signIn.begin();
    expect(new URL(url).searchParams.get('code_challenge_method')).toBe('S256');
    await signIn.finish(await provider.visit(url));
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('max_age and login_hint are heeded, and the ID token says so', async () => {
    const { signIn, tokens } = page();
    await signIn.finish(await provider.visit(await signIn.begin({ maxAgeMs: 0, prompt: 'login', loginHint: 'ada' })));
    expect(tokens.getSnapshot().claims).toMatchObject({ sub: 'ada', auth_time: expect.any(Number) });
  });

  test('prompt=none ends in a session where the server knows the user', async () => {
    const { signIn, tokens } = page();
    await signIn.finish(await provider.visit(await signIn.begin()));
    await signIn.finish(await provider.visit(await signIn.begin({ prompt: 'none' })));
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('a request that the server refuses is told as a wrong setup, and leaves nothing behind', async () => {
    const { signIn } = page({ redirectUri: 'https://app.test/elsewhere' });
    await expect(signIn.begin()).rejects.toMatchObject({ code: 'ERR_SIGN_IN_CONFIG', oauthError: expect.any(String) });
    const wrong = page({ resource: 'https://other.test/' }).signIn;
    await expect(wrong.begin()).rejects.toMatchObject({ code: 'ERR_SIGN_IN_CONFIG', oauthError: 'invalid_target' });
  });

  test('userinfo is the session’s own', async () => {
    const { signIn, tokens, client } = page({ resource: [], scopes: ['openid', 'offline_access'] });
    await signIn.finish(await provider.visit(await signIn.begin()));
    const { sub } = tokens.getSnapshot().claims ?? {};
    expect(await userInfo(client, tokens)).toEqual({ sub });
  });

  test('a service gets tokens by its secret, whatever signs are in it, and asks what they are worth', async () => {
    const client = oauthClient({
      issuer: provider.issuer,
      clientId: 'api',
      authentication: { secret: 's-_.~ +secret' },
    });
    const tokens = createTokenManager({ refresh: grant(client, 'client_credentials'), refreshTokenIn: 'cookie' });
    onTestFinished(() => tokens.dispose());
    const held = new Set(await Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken())));
    expect(held.size).toBe(1);
    expect(await introspect(client, [...held][0] ?? '')).toMatchObject({ active: true, client_id: 'api' });
  });

  test('a service gets tokens by its key', async () => {
    const { PrivateKeyJwt } = await import('oauth4webapi');
    const client = oauthClient({ issuer: provider.issuer, clientId: 'job', authentication: PrivateKeyJwt(privateKey) });
    const tokens = createTokenManager({ refresh: grant(client, 'client_credentials'), refreshTokenIn: 'cookie' });
    onTestFinished(() => tokens.dispose());
    expect(await tokens.getAccessToken()).toMatch(/./);
  });

  test('a device signs in when its user has confirmed the code', async () => {
    const { client, tokens } = page({ resource: [], scopes: ['openid', 'offline_access'] });
    const clock = impatientClock();
    const codes: DeviceCode[] = [];
    const outcome = deviceSignIn({ client, tokens, clock, onCode: (code) => void codes.push(code) });
    while (codes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await provider.confirm(codes[0]?.verificationUriComplete ?? '');
    await outcome;
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { sub: 'ada' } });
  });

  test('a client that registers itself signs in', async () => {
    const { client_id: clientId } = await registerClient(provider.issuer, {
      redirect_uris: ['https://new.test/callback'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
    });
    const { signIn, tokens } = page({ clientId, redirectUri: 'https://new.test/callback' });
    await signIn.finish(await provider.visit(await signIn.begin()));
    expect(tokens.getSnapshot().status).toBe('active');
  });
});
