import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RefreshFailure, TokenManagerOptions } from '../../src/index.js';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { type DeviceCode, deviceSignIn } from '../../src/integrations/device.js';
import {
  createSignIn,
  grant,
  introspect,
  type OAuthClient,
  type OAuthClientOptions,
  oauthClient,
  refreshWith,
  revokeWith,
  type SignIn,
} from '../../src/integrations/oauth.js';
import { API, CALLBACK, type GlewlwydServer, hasGlewlwyd, SECRETS, startGlewlwyd } from '../support/glewlwyd-server.js';
import { impatientClock } from '../support/impatient-clock.js';

let server: GlewlwydServer;
/** What our side has asked: method, path and status. */
const requests: string[] = [];
/** The refresh tokens that came, the newest last. */
const refreshTokens: string[] = [];

const send: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const response = await fetch(request);
  requests.push(`${request.method} ${new URL(request.url).pathname.replace('/api/oidc', '')} ${response.status}`);
  const { refresh_token: given } = await response
    .clone()
    .json()
    .catch(() => ({}));
  if (given) refreshTokens.push(given);
  return response;
};

interface App {
  readonly client: OAuthClient;
  readonly tokens: TokenManager;
  readonly signIn: SignIn;
  /** Everything up to the session. */
  enter(): Promise<void>;
}

function app(options: Partial<OAuthClientOptions> = {}, more: Partial<TokenManagerOptions> = {}): App {
  const client = oauthClient({
    issuer: server.issuer,
    clientId: 'app',
    redirectUri: CALLBACK,
    scopes: ['openid', 'offline_access', 'orders'],
    fetch: send,
    ...options,
  });
  const platform = more.platform ?? inProcess();
  const tokens = createTokenManager({
    refresh: refreshWith(client),
    revoke: revokeWith(client),
    proactive: false,
    retry: { attempts: 1 },
    ...more,
    platform,
  });
  onTestFinished(() => tokens.dispose());
  const signIn = createSignIn({ client, tokens, platform });
  const enter = async () => void (await signIn.finish(await server.visit(await signIn.begin())));
  requests.length = 0;
  return { client, tokens, signIn, enter };
}

/** The recipe of docs/sign-in.md for a server that refuses a dead refresh token without a word. */
const endsSession = ({ kind, status, body }: RefreshFailure): boolean =>
  kind === 'dead' || (status === 400 && body === undefined);

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

describe.skipIf(!hasGlewlwyd)('against Glewlwyd', () => {
  beforeAll(async () => {
    server = await startGlewlwyd();
  });
  afterAll(() => server?.stop());

  test('a page signs in with discovery, a pushed request, code and PKCE, and is found signed in', async () => {
    const { signIn, tokens } = app();
    const url = await signIn.begin({ returnTo: '/orders' });
    expect([...new URL(url).searchParams.keys()]).toEqual(['client_id', 'request_uri']);
    expect(await signIn.finish(await server.visit(url))).toEqual({ returnTo: '/orders' });
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { aud: 'app', iss: server.issuer } });
    expect(claimsOf(await tokens.getAccessToken())).toMatchObject({ scope: 'openid offline_access orders' });
    // its metadata are at the last of the three places
    expect(requests.slice(-3)).toEqual([
      'GET /.well-known/openid-configuration 200',
      'POST /par 201',
      'POST /token 200',
    ]);
  });

  test('without PAR the request goes into the address', async () => {
    const document = await (await fetch(`${server.base}/.well-known/openid-configuration`)).json();
    const { pushed_authorization_request_endpoint: _, ...issuer } = document;
    const { signIn, tokens } = app({ issuer });
    const url = await signIn.begin();
    expect(new URL(url).searchParams.get('code_challenge_method')).toBe('S256');
    await signIn.finish(await server.visit(url));
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('the issuer in the callback is compared although the server does not promise to send it', async () => {
    const { signIn, tokens } = app();
    const metadata = await (await fetch(`${server.base}/.well-known/openid-configuration`)).json();
    expect(metadata).not.toHaveProperty('authorization_response_iss_parameter_supported');
    const back = new URL(await server.visit(await signIn.begin()));
    expect(back.searchParams.get('iss')).toBe(server.issuer);
    back.searchParams.set('iss', `${server.issuer}/`);
    await expect(signIn.finish(back.href)).rejects.toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(requests.filter((request) => request.startsWith('POST /token'))).toEqual([]);
    expect(tokens.getSnapshot().status).not.toBe('active');
  });

  test('a code works once, here and there', async () => {
    const { signIn } = app();
    const back = await server.visit(await signIn.begin());
    await Promise.all([signIn.finish(back), signIn.finish(back), signIn.finish(back)]);
    expect(requests.filter((request) => request.startsWith('POST /token'))).toEqual(['POST /token 200']);
  });

  test('every refresh brings another refresh token, and many callers cost one', async () => {
    const { tokens, enter } = app();
    await enter();
    const seen = new Set([await tokens.getAccessToken()]);
    const rotated: boolean[] = [];
    tokens.on('refreshed', (event) => rotated.push(event.rotated));
    for (let lifetime = 1; lifetime <= 3; lifetime++) {
      await Promise.all(Array.from({ length: 20 }, () => tokens.refresh()));
      seen.add(await tokens.getAccessToken());
    }
    expect(rotated).toEqual([true, true, true]);
    expect(seen.size).toBe(4);
    expect(requests.filter((request) => request === 'POST /token 200')).toHaveLength(4);
  });

  test('a refresh token that was used elsewhere is refused without a word, which by itself ends nothing', async () => {
    const { tokens, enter } = app();
    await enter();
    await spend(lastRefreshToken());
    await expect(tokens.refresh()).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', status: 400 });
    expect(tokens.getSnapshot().status).toBe('active');
    expect(requests.at(-1)).toBe('POST /token 400');
    await expect(tokens.refresh()).rejects.toMatchObject({ name: 'RefreshError' });
  });

  test('endsSession, set for this server, ends such a session once, and the chain of the thief as well', async () => {
    const { tokens, enter } = app({}, { endsSession });
    await enter();
    const stolen = await spend(lastRefreshToken());
    const ends: string[] = [];
    tokens.on('sessionEnded', ({ reason }) => ends.push(reason));
    const all = Array.from({ length: 5 }, () => tokens.refresh().catch(({ code }) => code));
    expect(await Promise.all(all)).toEqual(Array(5).fill('ERR_SESSION_REJECTED'));
    expect(ends).toEqual(['rejected']);
    expect((await refreshRaw(stolen)).status).toBe(400);
  });

  test('endsSession, set for this server, keeps a session through its other refusals', async () => {
    const { tokens, enter } = app({ resource: API }, { endsSession });
    await enter();
    const elsewhere = refreshWith(app({ resource: 'https://other.test/' }).client);
    const asked = { refreshToken: lastRefreshToken(), scopes: [], reason: 'asked', attempt: 1, attemptId: 'a' };
    const answer = (await elsewhere(asked as never)) as Response;
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_target' });
    await tokens.refresh(); // the refresh token has outlived that
    expect(claimsOf(await tokens.getAccessToken()).aud).toBe(API);
  });

  test('signing out leads to the server’s own page, and is not undone by a revocation that it refuses a public client', async () => {
    const { tokens, signIn, enter } = app();
    await enter();
    const refused: unknown[] = [];
    tokens.on('revokeFailed', ({ error }) => refused.push(error.code));
    const out = new URL((await signIn.end({ returnTo: 'https://app.test/bye' })) ?? '');
    await tokens.settled();
    expect(`${out.origin}${out.pathname}`).toBe(`${server.base}/end_session`);
    expect(claimsOf(out.searchParams.get('id_token_hint') ?? '')).toMatchObject({ iss: server.issuer });
    const answer = await fetch(out, { redirect: 'manual' });
    expect(answer.headers.get('location')).toContain('prompt=end_session');
    expect(requests.at(-1)).toBe('POST /revoke 401');
    expect(refused).toHaveLength(1);
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  });

  test('signing out revokes the newest refresh token of a client that has a secret', async () => {
    const { tokens, enter } = app({ clientId: 'plain', authentication: { secret: SECRETS.plain, method: 'post' } });
    await enter();
    await tokens.refresh();
    const newest = lastRefreshToken();
    await tokens.endSession();
    await tokens.settled();
    expect(requests.at(-1)).toBe('POST /revoke 200');
    const authorization = `Basic ${btoa(`plain:${SECRETS.plain}`)}`;
    expect((await refreshRaw(newest, { authorization })).status).toBe(400);
  });

  test('HTTP Basic is compared as it stands: a secret with other signs than letters has to go by post', async () => {
    const serviceOf = (clientId: keyof typeof SECRETS, method?: 'basic' | 'post') => {
      const client = oauthClient({
        issuer: server.issuer,
        clientId,
        authentication: { secret: SECRETS[clientId], ...(method && { method }) },
        fetch: send,
      });
      const refresh = grant(client, 'client_credentials', { scope: 'orders' });
      const tokens = createTokenManager({ refresh, refreshTokenIn: 'none', retry: { attempts: 1 } });
      onTestFinished(() => tokens.dispose());
      return { client, tokens };
    };
    expect(await serviceOf('plain').tokens.getAccessToken()).toMatch(/./);
    await expect(serviceOf('awkward').tokens.getAccessToken()).rejects.toMatchObject({
      name: 'RefreshError',
      status: 403,
    });
    const { client, tokens } = serviceOf('awkward', 'post');
    const held = new Set(await Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken())));
    expect(held.size).toBe(1);
    expect(await introspect(client, [...held][0] ?? '')).toMatchObject({ active: true, scope: 'orders' });
    expect(await introspect(client, 'unheard-of')).toEqual({ active: false });
  });

  test('a public client needs no method that the server would have to list', async () => {
    const document = await (await fetch(`${server.base}/.well-known/openid-configuration`)).json();
    expect(document.token_endpoint_auth_methods_supported).not.toContain('none');
    const { tokens, enter } = app();
    await enter();
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('a device that polls too fast slows down, and signs in when its user has confirmed the code', async () => {
    const { client, tokens } = app();
    const polls = () => requests.filter((request) => request.startsWith('POST /token')).length;
    // the first two follow each other at once, the others as slowly as the server wants
    const clock = impatientClock(() => (polls() < 2 ? 0 : 1_100));
    const codes: DeviceCode[] = [];
    const moments: number[] = [];
    let slowed = () => {};
    const slow = new Promise<void>((resolve) => {
      slowed = resolve;
    });
    const outcome = deviceSignIn({
      client,
      tokens,
      clock,
      onCode: (code) => void codes.push(code),
      onPoll: ({ at }) => {
        moments.push(at - clock.now());
        if (polls() === 2) slowed();
      },
    });
    await slow;
    await server.confirm(codes[0]?.userCode ?? '');
    await outcome;
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { iss: server.issuer, aud: 'app' } });
    expect(moments[1]).toBeLessThan(3_000);
    expect(moments[2], 'told to slow down').toBeGreaterThan(6_000);
    await tokens.refresh();
  });

  test('pages of other origins can read neither a challenge nor a nonce, and are told nothing but the status', async () => {
    const response = await fetch(`${server.base}/userinfo`, {
      headers: { authorization: 'Bearer no', origin: 'https://app.test' },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-expose-headers')).toBeNull();
  });
});

/** Somebody else uses this refresh token; gives the next one. */
async function spend(refreshToken: string): Promise<string> {
  const response = await refreshRaw(refreshToken);
  const { refresh_token: next } = await response.json();
  expect(response.status).toBe(200);
  return next;
}

function refreshRaw(refreshToken: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
  if (!headers.authorization) body.set('client_id', 'app');
  return fetch(`${server.base}/token`, { method: 'POST', body, headers });
}

function lastRefreshToken(): string {
  return refreshTokens.at(-1) ?? '';
}
