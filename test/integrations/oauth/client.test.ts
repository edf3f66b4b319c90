import { describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, inProcess, type RefreshRequest, type TokenManagerOptions } from '../../../src/index.js';
import {
  discoverResource,
  grant,
  introspect,
  oauthClient,
  refreshWith,
  registerClient,
  revokeWith,
  userInfo,
} from '../../../src/integrations/oauth.js';
import { type AuthServerOptions, createAuthServer, fakeClock } from '../../../src/testing.js';

function on(options: AuthServerOptions = {}, more: object = {}) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, ...options });
  const requests: {
    method: string;
    path: string;
    form: Record<string, string>;
    headers: Headers;
    init: RequestInit;
  }[] = [];
  const send: typeof fetch = (input, init = {}) => {
    const { method, url, headers } = new Request(input, init);
    const form = Object.fromEntries(new URLSearchParams(String(init.body ?? '')));
    requests.push({ method, path: new URL(url).pathname, form, headers, init });
    return server.fetch(input, init);
  };
  const client = oauthClient({ issuer: server.origin, clientId: 'app', fetch: send, ...more });
  const manager = (given: Partial<TokenManagerOptions> = {}) => {
    const platform = { ...inProcess(), clock };
    const tokens = createTokenManager({ refresh: refreshWith(client), platform, proactive: false, ...given });
    onTestFinished(() => tokens.dispose());
    return tokens;
  };
  return { clock, server, requests, send, client, manager, run: clock.runUntil };
}

const request = (more: object = {}): RefreshRequest => ({
  refreshToken: 'r1',
  accessToken: undefined,
  scopes: [],
  reason: 'asked',
  attempt: 1,
  attemptId: 'a',
  signal: new AbortController().signal,
  ...more,
});
const revocation = { refreshToken: 'r1', signal: new AbortController().signal };
const reason = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('refreshWith', () => {
  test('refreshes as tokenEndpoint does, at the endpoint that discovery names', async () => {
    const { server, requests, manager, run, clock } = on(
      {},
      { resource: ['https://api.test/a', 'https://api.test/b'] },
    );
    const tokens = manager();
    await tokens.startSession(server.signIn({ clientId: 'app', scope: 'orders' }));
    await clock.advance(3_600_000);
    await run(tokens.getAccessToken());
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'POST /token',
    ]);
    const { form = {}, init } = requests[1] ?? {};
    expect(Object.keys(form)).toEqual(['grant_type', 'refresh_token', 'resource', 'client_id']);
    expect(form.resource, 'verbatim, the first').toBe('https://api.test/a');
    expect(init).toMatchObject({ redirect: 'manual', signal: expect.anything() });
  });

  test('J23: a refresh token is presented to no other issuer than the one that granted it', async () => {
    const { client, requests, manager, server, run, clock } = on();
    const error = await reason(refreshWith(client)(request({ issuer: 'https://other.test' })));
    expect(error).toMatchObject({ error: 'unauthorized_client' });
    expect(await revokeWith(client)({ issuer: 'https://other.test', refreshToken: 'r1' } as never)).toBeUndefined();
    expect(requests).toEqual([]);
    // and the manager reads it as a wrong setup, which signs nobody out
    const tokens = manager({
      refresh: (asked) => refreshWith(client)({ ...asked, issuer: 'https://other.test' } as never),
    });
    await tokens.startSession(server.signIn());
    await clock.advance(3_600_000);
    expect(await reason(run(tokens.getAccessToken()))).toMatchObject({ code: 'ERR_REFRESH_CONFIG' });
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('nothing is asked without a refresh token', async () => {
    const { client, requests } = on();
    const error = await reason(refreshWith(client)(request({ refreshToken: undefined })));
    expect(error.message).toContain('offline_access');
    expect(requests).toEqual([]);
  });

  test('J24: a session that knows its endpoints costs no discovery, and a server that has moved is found again', async () => {
    const { client, requests, server } = on();
    const refresh = refreshWith(client);
    const ask = (token: string) => {
      const { refresh_token } = server.signIn({ clientId: 'app' });
      return refresh(
        request({ refreshToken: refresh_token, issuer: server.origin, endpoints: { token } }),
      ) as Promise<Response>;
    };
    expect((await ask(server.tokenUrl)).status).toBe(200);
    expect(requests.map(({ path }) => path)).toEqual(['/token']);
    expect((await ask(`${server.origin}/old-token`)).status).toBe(200);
    expect(requests.slice(1).map(({ path }) => path)).toEqual([
      '/old-token',
      '/.well-known/oauth-authorization-server',
      '/token',
    ]);
    server.always({ status: 405 });
    expect((await ask(server.tokenUrl)).status, 'one discovery and two requests at most').toBe(405);
    expect(requests).toHaveLength(6);
  });

  test('a claims challenge is asked of the server, in whatever form the API brings it', async () => {
    const { client, server, requests } = on();
    const claims = '{"access_token":{"cae":{"essential":true}},"ü":1}';
    const bytes = Buffer.from(claims);
    for (const form of [claims, bytes.toString('base64'), bytes.toString('base64url')]) {
      const { refresh_token } = server.signIn({ clientId: 'app' });
      const challenge = { scheme: 'bearer', parameters: { claims: form } };
      const response = (await refreshWith(client)(request({ refreshToken: refresh_token, challenge }))) as Response;
      expect(server.inspect((await response.json()).access_token)?.met).toEqual(['cae']);
      expect(requests.at(-1)?.form.claims).toBe(claims);
    }
    const challenge = { scheme: 'bearer', parameters: { claims: 'neither' } };
    await refreshWith(client)(request({ challenge }));
    expect(requests.at(-1)?.form).not.toHaveProperty('claims');
  });

  test('a server that cannot be discovered is asked again later, one that is set up wrongly is not', async () => {
    const { server, manager, run, clock } = on();
    const tokens = manager({ retry: { attempts: 1 } });
    await tokens.startSession(server.signIn({ clientId: 'app' }));
    await clock.advance(3_600_000);
    server.always({ drop: true }, { endpoint: 'discovery' });
    expect(await reason(run(tokens.getAccessToken()))).toMatchObject({ code: 'ERR_REFRESH_NETWORK' });
    server.always({ body: (own: object) => ({ ...own, issuer: 'x' }) }, { endpoint: 'discovery' });
    await clock.advance(120_000);
    expect(await reason(run(tokens.getAccessToken()))).toMatchObject({ code: 'ERR_REFRESH_CONFIG' });
    server.always(undefined, { endpoint: 'discovery' });
    await clock.advance(120_000);
    await run(tokens.getAccessToken());
  });
});

describe('how a client proves itself', () => {
  const clients = [{ clientId: 'a b&c', clientSecret: 's:e c+r/t-_.~' }];
  test.each([
    ['basic, form-encoded on both sides', undefined, undefined],
    ['post where asked for', 'post', undefined],
    ['post where the server knows only that', undefined, ['client_secret_post']],
  ] as const)('%s', async (_, method, methods) => {
    const { server, send } = on({ clients });
    const issuer = {
      issuer: server.origin,
      token_endpoint: server.tokenUrl,
      ...(methods && { token_endpoint_auth_methods_supported: methods }),
    };
    const authentication = { secret: clients[0]?.clientSecret ?? '', ...(method && { method }) };
    const client = oauthClient({ issuer, clientId: 'a b&c', authentication, fetch: send });
    const response = (await grant(client, 'client_credentials')(request())) as Response;
    expect(response.status).toBe(200);
  });

  test('by a function such as PrivateKeyJwt of oauth4webapi, at every endpoint', async () => {
    const { PrivateKeyJwt, generateKeyPair } = await import('oauth4webapi');
    const { privateKey } = await generateKeyPair('ES256');
    const { client, requests, server } = on({}, { authentication: PrivateKeyJwt(privateKey) });
    await refreshWith(client)(request());
    await revokeWith(client)(revocation);
    await introspect(client, 'x');
    // what is sent to one address is sent to no other
    expect(requests.map(({ init }) => init.redirect)).toEqual(Array(4).fill('manual'));
    const forms = requests.filter(({ method }) => method === 'POST').map(({ form }) => form);
    expect(forms.map((form) => form.client_assertion_type)).toEqual(
      Array(3).fill('urn:ietf:params:oauth:client-assertion-type:jwt-bearer'),
    );
    const payload = forms[0]?.client_assertion?.split('.')[1] ?? '';
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ iss: 'app', aud: server.origin });
  });

  test('by a certificate: its own endpoints are taken', async () => {
    const { server, send, requests } = on();
    const issuer = {
      issuer: server.origin,
      token_endpoint: `${server.origin}/elsewhere`,
      mtls_endpoint_aliases: { token_endpoint: server.tokenUrl },
      mtls: true,
    };
    await grant(oauthClient({ issuer, clientId: 'app', fetch: send }), 'client_credentials')(request());
    expect(requests.map(({ path }) => path)).toEqual(['/token']);
  });
});

describe('revokeWith', () => {
  test('tells the server in a way that outlives the page', async () => {
    const { client, server, manager, requests, run, clock } = on();
    const tokens = manager({ revoke: revokeWith(client) });
    const { access_token } = server.signIn({ clientId: 'app' });
    await tokens.startSession(server.signIn({ clientId: 'app' }));
    const held = await tokens.getAccessToken();
    await run(tokens.endSession());
    await clock.settle();
    expect(server.inspect(held)?.active).toBe(false);
    expect(server.inspect(access_token)?.active, 'another session').toBe(true);
    const { form, init } = requests.at(-1) ?? { form: {}, init: {} };
    expect(form).toMatchObject({ token_type_hint: 'refresh_token', client_id: 'app' });
    expect(init).toMatchObject({ keepalive: true, redirect: 'manual' });
  });

  test('does nothing where the server has no endpoint for it', async () => {
    const { server, send, requests } = on();
    const issuer = { issuer: server.origin, token_endpoint: server.tokenUrl };
    expect(await revokeWith(oauthClient({ issuer, clientId: 'app', fetch: send }))(revocation)).toBeUndefined();
    expect(requests).toEqual([]);
  });
});

describe('grant', () => {
  test('sends its parameters, the proof of the client and its resource, and nothing else', async () => {
    const { client, requests } = on({}, { resource: 'https://api.test', scopes: ['openid'] });
    await grant(client, 'urn:example:own', { scope: 'a b', grant_type: 'evil' })(request());
    expect(requests.at(-1)?.form).toEqual({
      resource: 'https://api.test',
      scope: 'a b',
      grant_type: 'urn:example:own',
      client_id: 'app',
    });
  });

  test('exchanges a token that is read anew for each request', async () => {
    const { client, server } = on();
    const type = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const refresh = grant(client, type, async () => ({
      subject_token: server.signIn({ user: 'grace' }).access_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }));
    const users = [];
    for (let n = 0; n < 2; n++) {
      const { access_token } = await ((await refresh(request())) as Response).json();
      users.push(server.inspect(access_token)?.user);
    }
    expect(users).toEqual(['grace', 'grace']);
  });
});

describe('userInfo', () => {
  async function signedIn(scope = 'openid') {
    const world = on();
    const tokens = world.manager();
    await tokens.startSession(world.server.signIn({ clientId: 'app', scope }));
    return { ...world, tokens };
  }

  test('tells about the user, after one refresh where the access token was refused', async () => {
    const { client, tokens, server, run } = await signedIn();
    server.revokeAccessTokens();
    expect(await run(userInfo(client, tokens))).toMatchObject({ sub: 'ada' });
    expect(server.tokenRequests).toHaveLength(1);
  });

  test.each<[string, object, string]>([
    ['somebody else', { body: { sub: 'grace' } }, 'ERR_SIGN_IN_RESPONSE'],
    ['nobody', { body: {} }, 'ERR_SIGN_IN_RESPONSE'],
    ['no JSON', { body: 'a.signed.jwt' }, 'ERR_SIGN_IN_RESPONSE'],
    ['a refusal', { status: 403 }, 'ERR_SIGN_IN_RESPONSE'],
    ['a busy server', { status: 503 }, 'ERR_SIGN_IN_NETWORK'],
    ['no answer', { drop: true }, 'ERR_SIGN_IN_NETWORK'],
  ])('refuses an answer about %s', async (_, answer, code) => {
    const { client, tokens, server, run } = await signedIn();
    server.next(answer, { endpoint: 'userinfo' });
    expect(await reason(run(userInfo(client, tokens)))).toMatchObject({ code });
  });

  test('a session without an ID token has nothing to compare with', async () => {
    const { client, tokens, run, requests } = await signedIn('orders');
    expect(await reason(run(userInfo(client, tokens)))).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(requests.filter(({ path }) => path === '/userinfo')).toEqual([]);
  });
});

describe('introspect', () => {
  test('says whether a token is good', async () => {
    const { client, server } = on();
    expect(await introspect(client, server.signIn().access_token)).toMatchObject({ active: true, sub: 'ada' });
    expect(await introspect(client, 'unknown')).toEqual({ active: false });
  });

  test.each<[string, object, string]>([
    ['an answer without active', { body: { active: 'yes' } }, 'ERR_SIGN_IN_RESPONSE'],
    ['a refusal', { status: 401, body: { error: 'invalid_client' } }, 'ERR_SIGN_IN_CONFIG'],
    ['a busy server', { status: 500 }, 'ERR_SIGN_IN_NETWORK'],
  ])('%s is an error', async (_, answer, code) => {
    const { client, server } = on();
    server.next(answer, { endpoint: 'introspect' });
    expect(await reason(introspect(client, 'x'))).toMatchObject({ code });
  });
});

describe('discoverResource', () => {
  const at = (documents: Record<string, object | number>) => {
    const seen: string[] = [];
    const send: typeof fetch = async (url) => {
      seen.push(String(url));
      const found = documents[String(url)];
      if (found === undefined) return new Response('', { status: 404 });
      return typeof found === 'number' ? new Response('', { status: found }) : Response.json(found);
    };
    return { seen, send };
  };
  const WELL_KNOWN = 'https://api.test/.well-known/oauth-protected-resource';

  test('says who may issue tokens for it', async () => {
    const { server } = on();
    const found = await discoverResource(server.apiUrl, { fetch: server.fetch });
    expect(found).toMatchObject({ resource: server.apiUrl, authorization_servers: [server.origin] });
  });

  test('asks for its path, then for its origin', async () => {
    const { seen, send } = at({ [WELL_KNOWN]: { resource: 'https://api.test' } });
    await discoverResource('https://api.test/mcp?x=1', { fetch: send });
    expect(seen).toEqual([`${WELL_KNOWN}/mcp?x=1`, WELL_KNOWN]);
  });

  test('J9: what speaks of another resource is refused', async () => {
    for (const [resource, own, fits] of [
      ['https://api.test/mcp', 'https://api.test/mcp', true],
      ['https://api.test/mcp/a', 'https://api.test/mcp', true],
      ['https://api.test/mcp', 'https://api.test/', true],
      ['https://api.test/mcp2', 'https://api.test/mcp', false],
      ['https://api.test/mcp', 'https://api.test/mcp/', false],
      ['https://api.test/mcp', 'https://evil.test/mcp', false],
      ['https://api.test/mcp', 'https://api.test.evil.test', false],
    ] as const) {
      const { send } = at({ [WELL_KNOWN]: { resource: own } });
      const error = await reason(discoverResource(resource, { fetch: send }));
      expect(error?.code, `${resource} ${own}`).toBe(fits ? undefined : 'ERR_SIGN_IN_CONFIG');
    }
  });

  test('a challenge says where to look, if that is https', async () => {
    const { seen, send } = at({ 'https://api.test/meta': { resource: 'https://api.test/mcp' } });
    const look = (resource_metadata: string) =>
      discoverResource('https://api.test/mcp', {
        fetch: send,
        challenge: { scheme: 'bearer', parameters: { resource_metadata } },
      });
    await look('https://api.test/meta');
    expect(await reason(look('http://api.test/meta'))).toMatchObject({ code: 'ERR_SIGN_IN_CONFIG' });
    expect(seen).toEqual(['https://api.test/meta']);
  });

  test('one that is busy is told apart from one that has none', async () => {
    const look = (documents: Record<string, number>) =>
      reason(discoverResource('https://api.test', { fetch: at(documents).send }));
    expect(await look({ [WELL_KNOWN]: 503 })).toMatchObject({ code: 'ERR_SIGN_IN_NETWORK' });
    expect(await look({})).toMatchObject({ code: 'ERR_SIGN_IN_CONFIG' });
    expect(await reason(discoverResource('http://api.test'))).toMatchObject({ code: 'ERR_OPTIONS' });
  });
});

describe('registerClient', () => {
  const issuer = { issuer: 'https://auth.test', registration_endpoint: 'https://auth.test/register' };
  const register = (answer: () => Response, seen: Request[] = []) =>
    registerClient(
      issuer,
      { client_name: 'Shop' },
      {
        initialAccessToken: 'initial-token',
        fetch: async (input, init) => {
          seen.push(new Request(input, init));
          return answer();
        },
      },
    );

  test('gives what the server answered, leniently', async () => {
    const seen: Request[] = [];
    const answer = { client_id: 'c1', client_secret: 's1' };
    expect(await register(() => Response.json(answer, { status: 201 }), seen)).toEqual(answer);
    expect(await seen[0]?.json()).toEqual({ client_name: 'Shop' });
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer initial-token');
  });

  test.each<[string, () => Response, object]>([
    [
      'a refusal',
      () => Response.json({ error: 'invalid_redirect_uri' }, { status: 400 }),
      { code: 'ERR_SIGN_IN_CONFIG', oauthError: 'invalid_redirect_uri' },
    ],
    ['an answer without a client', () => Response.json({}), { code: 'ERR_SIGN_IN_CONFIG' }],
    ['a busy server', () => new Response('', { status: 503 }), { code: 'ERR_SIGN_IN_NETWORK' }],
  ])('%s is an error', async (_, answer, expected) => {
    expect(await reason(register(answer))).toMatchObject(expected);
  });
});

test('arguments that are wrong are refused before anything is sent', async () => {
  const { client, requests, send } = on();
  const tokens = {} as never;
  const calls: (() => unknown)[] = [
    () => grant(client, ''),
    () => grant(client, undefined as never),
    () => grant(client, 'client_credentials', 'scope=a' as never),
    () => grant(client, 'client_credentials', { scope: ['a'] } as never),
    () => grant(client, 'client_credentials', new URLSearchParams({ scope: 'a' }) as never),
    () => on({}, { parameters: new URLSearchParams({ audience: 'a' }) }),
    () => introspect(client, ''),
    () => introspect(client, undefined as never),
    () => userInfo(client, tokens),
    () => registerClient('https://auth.test', undefined as never, { fetch: send }),
    () => registerClient('https://auth.test', 'name' as never, { fetch: send }),
  ];
  for (const call of calls) {
    expect(await reason((async () => call())()), String(call)).toMatchObject({ code: 'ERR_OPTIONS' });
  }
  expect(requests).toEqual([]);
});
