import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createTokens as createServiceTokens } from '../examples/client-credentials.js';
import { createTokens as createCookieTokens, signedIn } from '../examples/cookie-session.js';
import { createApis } from '../examples/for-resource.js';
import { createApi } from '../examples/other-refusals.js';
import { createTokens as createOwnTokens } from '../examples/own-endpoint.js';
import { createClient, throughProxy } from '../examples/proxy.js';
import { answerAtEdge, settleBefore, settleOnSigterm } from '../examples/settled.js';
import { createClients } from '../examples/several-apis.js';
import { createTokens as createSignedInServiceTokens } from '../examples/sign-in-service.js';
import { createTokens as createSignOutTokens } from '../examples/sign-out.js';
import { observe } from '../examples/telemetry.js';
import { createTokenManager, inProcess, tokenEndpoint } from '../src/index.js';
import { createAuthServer } from '../src/testing.js';
import { tokenSource } from './support/token-source.js';
import { createWorld } from './support/world.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Answers requests by `METHOD url`; everything else fails the test. Returns what was asked. */
function answer(routes: Record<string, (request: Request) => Response | Promise<Response>>): Request[] {
  const requests: Request[] = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    requests.push(request.clone());
    const route = routes[`${request.method} ${request.url}`];
    if (!route) throw new Error(`nobody expected ${request.method} ${request.url}`);
    return route(request);
  });
  return requests;
}

const form = (parameters: Record<string, string>) => ({ method: 'POST', body: new URLSearchParams(parameters) });

test('own-endpoint: names of its own are read, an attempt has its id, and a plain 401 ends the session', async () => {
  const server = createAuthServer();
  const requests = answer({
    'POST https://api.example/session/refresh': async (request) => {
      const { token } = (await request.json()) as { token: string };
      const answered = await server.fetch(
        server.tokenUrl,
        form({ grant_type: 'refresh_token', refresh_token: token, client_id: 'app' }),
      );
      if (!answered.ok) return new Response(null, { status: 401 });
      const { access_token, refresh_token, expires_in } = await answered.json();
      return Response.json({ jwt: access_token, renewal: refresh_token, seconds: expires_in });
    },
  });
  const tokens = createOwnTokens(inProcess());
  const ends: string[] = [];
  tokens.on('sessionEnded', ({ reason }) => ends.push(reason));
  await tokens.startSession(server.signIn());

  await tokens.refresh();
  expect(server.inspect(await tokens.getAccessToken())?.active).toBe(true);
  expect(requests[0]?.headers.get('idempotency-key')).toMatch(/\w/);
  expect(ends).toEqual([]);

  server.revokeFamily();
  await expect(tokens.refresh()).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  expect(ends).toEqual(['rejected']);
});

test('cookie-session: a reload asks the backend once, and a plain 401 says that nobody is signed in', async () => {
  const server = createAuthServer({ refreshTokenIn: 'cookie' });
  const routes = {
    'POST https://bff.example/token': async ({ credentials }: Request) => {
      const answered = await server.fetch(server.tokenUrl, { ...form({ grant_type: 'refresh_token' }), credentials });
      return answered.ok ? answered : new Response(null, { status: 401 });
    },
    'POST https://bff.example/logout': () => server.fetch(server.revokeUrl, { method: 'POST' }),
  };
  const requests = answer(routes);

  await expect(createCookieTokens().getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  expect(requests).toHaveLength(1);

  server.signIn();
  const tokens = createCookieTokens();
  const [first, second] = await Promise.all([tokens.getAccessToken(), tokens.getAccessToken()]);
  expect(first).toBe(second);
  expect(requests).toHaveLength(2);

  server.revokeFamily();
  await expect(tokens.refresh()).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  expect(tokens.getSnapshot().status).toBe('none');
});

test('cookie-session: after a sign-in, whoever the cookie belongs to is signed in, and not the user before', async () => {
  const server = createAuthServer({ refreshTokenIn: 'cookie' });
  answer({
    'POST https://bff.example/token': async ({ credentials }: Request) => {
      const answered = await server.fetch(server.tokenUrl, { ...form({ grant_type: 'refresh_token' }), credentials });
      return answered.ok ? answered : new Response(null, { status: 401 });
    },
  });
  const tokens = createCookieTokens();
  await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  for (const user of ['ada', 'bob']) {
    server.signIn({ user });
    await signedIn(tokens);
    expect(server.inspect(await tokens.getAccessToken())).toMatchObject({ user, active: true });
  }
  tokens.dispose();
});

test('proxy: refreshes, calls and the revocation are handed the same dispatcher', async () => {
  const server = createAuthServer({ origin: 'https://auth.example', clients: [{ clientId: 'orders' }] });
  const dispatcher = {};
  const asked: [string, unknown][] = [];
  const send: typeof fetch = async (input, init) => {
    const { pathname } = new URL(new Request(input, init).url);
    asked.push([pathname, (init as { dispatcher?: unknown } | undefined)?.dispatcher]);
    return pathname === '/orders' ? new Response() : server.fetch(input, init);
  };
  const { tokens, api } = createClient(throughProxy(send, dispatcher), inProcess());
  await tokens.startSession(server.signIn({ clientId: 'orders' }));
  await tokens.refresh();
  await api('https://api.example/orders');
  await tokens.endSession();
  await tokens.settled();
  expect(asked).toEqual(['/token', '/orders', '/revoke'].map((path) => [path, dispatcher]));
});

test('for-resource: each API gets the access token for it, from one sign-in', async () => {
  const server = createAuthServer({ origin: 'https://auth.example', clients: [{ clientId: 'shop' }] });
  const seen: string[] = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (origin === server.origin) return server.fetch(request);
    const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    seen.push(`${origin} ${server.inspect(token)?.resource}`);
    return new Response();
  });
  const resources = ['https://api.example', 'https://files.example'];
  const { tokens, api, files } = createApis(inProcess());
  await tokens.startSession(server.signIn({ clientId: 'shop', resources }));
  await Promise.all([
    api('https://api.example/orders'),
    files('https://files.example/1'),
    files('https://files.example/2'),
  ]);
  await tokens.refresh();
  await Promise.all([api('https://api.example/orders'), files('https://files.example/1')]);

  expect(seen.filter((line) => line === 'https://api.example https://api.example')).toHaveLength(2);
  expect(seen.filter((line) => line === 'https://files.example https://files.example')).toHaveLength(3);
  expect(seen).toHaveLength(5);
  expect(server.tokenRequests).toHaveLength(2);
});

test('several-apis: each API gets the access token of its own sign-in', async () => {
  const { platform, server, tokens: own, partner } = twoSessions();
  await own.startSession(server.signIn({ user: 'ada' }));
  await partner.startSession(server.signIn({ user: 'grace' }));
  const seen: string[] = [];
  const note = (request: Request) => {
    const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    seen.push(`${new URL(request.url).host} ${server.inspect(token)?.user}`);
    return new Response();
  };
  answer({
    'GET https://api.example/a': note,
    'GET https://files.example/b': note,
    'GET https://api.partner.example/c': note,
  });

  const clients = createClients(platform);
  await clients.api('https://api.example/a');
  await clients.api('https://files.example/b');
  await clients.partner('https://api.partner.example/c');

  expect(seen).toEqual(['api.example ada', 'files.example ada', 'api.partner.example grace']);
});

function twoSessions() {
  const world = createWorld();
  const managerOf = (url: string) => world.manager({ refresh: tokenEndpoint({ url, clientId: 'shop' }) }).tokens;
  return {
    ...world,
    tokens: managerOf('https://auth.example/token'),
    partner: managerOf('https://login.partner.example/token'),
  };
}

test('sign-in-service: any number of callers, one request for client credentials', async () => {
  const clients = [{ clientId: 'job', clientSecret: 'secret' }];
  const server = createAuthServer({ origin: 'https://auth.example', clients });
  vi.stubGlobal('fetch', server.fetch);
  const tokens = createSignedInServiceTokens(server.origin, 'job', 'secret');
  const held = await Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken()));
  expect(server.inspect(held[0] ?? '')).toMatchObject({ scope: 'orders.read', clientId: 'job', active: true });
  expect([new Set(held).size, server.tokenRequests.length]).toEqual([1, 1]);
  tokens.dispose();
});

test('sign-out: every peer is told, and the server revokes the newest refresh token', async () => {
  const { platform, server } = createWorld();
  answer({
    'POST https://auth.example/revoke': async (request) =>
      server.fetch(server.revokeUrl, {
        method: 'POST',
        body: new URLSearchParams(await request.text()),
      }),
  });
  const told: string[] = [];
  const here = createSignOutTokens(platform, (why) => told.push(`here: ${why}`));
  const there = createSignOutTokens(platform, (why) => told.push(`there: ${why}`));
  await here.startSession(server.signIn());
  await there.getAccessToken();

  await here.endSession();
  await expect.poll(() => told).toHaveLength(2);

  expect(told.sort()).toEqual(['here: ended', 'there: peer']);
  expect(server.counts.familiesRevoked).toBe(1);
  await expect(there.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
});

test('telemetry: what happens is counted and timed until somebody unsubscribes', async () => {
  const { manager, server, run, failure } = createWorld();
  const { tokens } = manager({ retry: { attempts: 1 } });
  const recorded: string[] = [];
  const stop = observe(tokens, (name, _value, labels) => recorded.push(`${name} ${Object.values(labels).join(' ')}`));
  await tokens.startSession(server.signIn());

  await run(tokens.refresh());
  server.next({ status: 503 });
  await failure(tokens.refresh());
  stop();
  await run(tokens.endSession());

  expect(recorded).toEqual(['refresh_ms us asked', 'refresh_failures ERR_REFRESH_UNAVAILABLE asked']);
});

test('client-credentials: no sign-in, and one request for all callers', async () => {
  const requests = answer({
    'POST https://auth.example/token': () =>
      Response.json({ access_token: 'service', token_type: 'Bearer', expires_in: 3_600 }),
  });
  const tokens = createServiceTokens('https://auth.example/token', 'orders', 'secret');

  const all = await Promise.all(Array.from({ length: 5 }, () => tokens.getAccessToken()));

  expect(new Set(all)).toEqual(new Set(['service']));
  expect(requests).toHaveLength(1);
  expect(await requests[0]?.text()).toBe('grant_type=client_credentials&scope=orders.read');
  await tokens.refresh();
  expect(requests).toHaveLength(2);
});

test('other-refusals: a 200 that refuses the access token is mended, and the answer stays whole', async () => {
  const refusal = { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };
  const requests = answer({
    'POST https://api.example/graphql': ({ headers }) =>
      Response.json(headers.get('x-access-token') === 'access-1' ? refusal : { data: { me: 'Ada' } }),
  });
  const api = createApi(tokenSource());
  const response = await api('https://api.example/graphql', { method: 'POST', body: '{ me }' });
  expect(await response.json()).toEqual({ data: { me: 'Ada' } });
  expect(requests.map(({ headers }) => headers.get('x-access-token'))).toEqual(['access-1', 'access-2']);
});

describe('settled: what is under way when the answer is ready is neither cut off nor waited for in vain', () => {
  /** A manager that signs out while an answer is made, and whose server takes its time to hear of it. */
  async function createSlow() {
    const heard: string[] = [];
    let hear = () => {};
    const slow = new Promise<void>((resolve) => {
      hear = resolve;
    });
    const revoke = async () => {
      await slow;
      heard.push('revoked');
      return new Response();
    };
    const tokens = createTokenManager({ refresh: async () => ({ access_token: 'b' }), revoke });
    await tokens.startSession({ access_token: 'a', refresh_token: 'r', expires_in: 300 });
    return { tokens, heard, hear };
  }

  test('at the edge the answer goes out at once, and the runtime waits for the rest', async () => {
    const { tokens, heard, hear } = await createSlow();
    const waits: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => void waits.push(work) };
    const answer = async () => {
      await tokens.endSession();
      return 'bye';
    };
    expect(await answerAtEdge(tokens, context, answer)).toBe('bye');
    expect(heard).toEqual([]);
    hear();
    await Promise.all(waits);
    expect(heard).toEqual(['revoked']);
    const failure = answerAtEdge(tokens, context, () => Promise.reject(new Error('mine')));
    await expect(failure).rejects.toThrow('mine');
    await expect(Promise.all(waits)).resolves.toHaveLength(2);
  });

  test('a Lambda answers when all of it is done', async () => {
    const { tokens, heard, hear } = await createSlow();
    const handle = settleBefore(tokens, async (name: string) => {
      await tokens.endSession();
      hear();
      return `bye ${name}`;
    });
    expect(await handle('ada')).toBe('bye ada');
    expect(heard).toEqual(['revoked']);
  });

  test('after SIGTERM the server closes, waits, and exits', async () => {
    const { tokens, heard, hear } = await createSlow();
    const server = new EventEmitter();
    const exited = new Promise<void>((resolve) => {
      const exit = () => {
        heard.push('exit');
        resolve();
      };
      Object.assign(server, { exit });
    });
    settleOnSigterm(tokens, async () => void heard.push('closed'), server as unknown as NodeJS.Process);
    await tokens.endSession();
    server.emit('SIGTERM');
    hear();
    await exited;
    expect(heard).toEqual(['closed', 'revoked', 'exit']);
  });
});
