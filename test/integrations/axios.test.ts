import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios';
import axios0 from 'axios-0';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createApi } from '../../examples/axios.js';
import { isTokenError, type TokenManagerOptions } from '../../src/index.js';
import { type AxiosLike, type AxiosOptions, tokenAdapter } from '../../src/integrations/axios.js';
import { createSecretWatch } from '../support/secret-watch.js';
import { signedIn } from '../support/signed-in.js';

/** An axios and the adapter that sends; the last axios 0 is typed as the first, of which it lacks nothing that is used here. */
interface Kind {
  readonly name: string;
  readonly library: typeof axios;
  readonly adapter: string | undefined;
}
const KINDS: Kind[] = [
  { name: 'axios 1 over http', library: axios, adapter: 'http' },
  { name: 'axios 1 over fetch', library: axios, adapter: 'fetch' },
  { name: 'axios 0 over http', library: axios0 as unknown as typeof axios, adapter: undefined },
];

/** Somebody is signed in, the server listens on a real port, and axios sends to it. */
async function prepare(
  { library, adapter }: Kind,
  config: AxiosRequestConfig = {},
  options: Partial<TokenManagerOptions> = {},
) {
  const world = await signedIn({ retry: { attempts: 1 }, ...options });
  const { origin, apiUrl, close } = await world.server.listen();
  onTestFinished(close);
  const below = (adapter ?? library.defaults.adapter) as string;
  const make = (more: Partial<AxiosOptions> = {}) =>
    tokenAdapter(world.tokens, { axios: library as AxiosLike, origins: [origin], adapter: below, ...more });
  const api: AxiosInstance = library.create({ baseURL: apiUrl, adapter: make() as never, ...config });
  const bare: AxiosInstance = library.create({ baseURL: apiUrl, adapter: below as never, ...config });
  /** Makes the access token expire, and the refresh last until it is let go. */
  async function holdRefresh(): Promise<() => Promise<void>> {
    await world.clock.advance(700_000);
    world.server.next({ answerDelayMs: 3_000 });
    return () => world.clock.advance(3_000);
  }
  const waits = () => expect.poll(() => world.server.tokenRequests).toHaveLength(1);
  const statuses = () => world.server.apiRequests.map(({ status }) => status);
  return { ...world, origin, apiUrl, api, bare, make, holdRefresh, waits, statuses };
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const listening = createServer(answer);
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => void listening.close(() => resolve())));
  return (listening.address() as AddressInfo).port;
}

const fail = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('expected a rejection'),
    (error) => error,
  );

describe.each(KINDS)('S4: $name', (kind) => {
  test('JSON is sent and read as always, with the access token besides', async () => {
    const { api, server } = await prepare(kind);
    const { data, status } = await api.post(
      'orders',
      { item: 7 },
      { headers: { 'X-Trace': 't' }, params: { page: 2 } },
    );
    expect(status).toBe(200);
    expect(data).toMatchObject({ user: 'ada', method: 'POST', body: '{"item":7}', headers: { 'x-trace': 't' } });
    expect(data.url).toMatch(/\/api\/orders\?page=2$/);
    expect(server.apiRequests[0]?.headers['content-type']).toMatch(/^application\/json/);
  });

  test('a POST that is refused costs one refresh and one replay with the same bytes, and transforms once', async () => {
    const { api, server, statuses } = await prepare(kind);
    server.revokeAccessTokens();
    const transforms = { request: 0, response: 0 };
    const { data } = await api.post(
      'orders',
      { item: 7 },
      {
        transformRequest: (sent) => JSON.stringify({ ...sent, nth: ++transforms.request }),
        transformResponse: (text) => ({ ...JSON.parse(text), nth: ++transforms.response }),
        headers: { 'Content-Type': 'application/json' },
      },
    );
    expect(data).toMatchObject({ body: '{"item":7,"nth":1}', nth: 1 });
    expect(statuses()).toEqual([401, 200]);
    expect(server.apiRequests[1]?.body).toEqual(server.apiRequests[0]?.body);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('twenty requests that are refused at once cost one refresh', async () => {
    const { api, server, statuses } = await prepare(kind);
    server.revokeAccessTokens();
    await Promise.all(Array.from({ length: 20 }, (_, id) => api.get(`orders/${id}`)));
    expect(server.tokenRequests).toHaveLength(1);
    expect(statuses().filter((status) => status === 200)).toHaveLength(20);
  });

  test('the second 401 is what axios tells, nobody is signed out, and that origin is not tried again for a while', async () => {
    const { api, server, tokens, statuses } = await prepare(kind);
    server.always({ status: 401, body: { why: 'not today' } }, { endpoint: 'api' });
    expect(await fail(api.get('orders'))).toMatchObject({
      isAxiosError: true,
      response: { status: 401, data: { why: 'not today' } },
    });
    await fail(api.get('orders'));
    server.next({ drop: true }, { endpoint: 'api' }); // which says nothing about the token
    await fail(api.get('orders'));
    await fail(api.get('orders'));
    expect(statuses()).toEqual([401, 401, 401, undefined, 401]);
    expect(server.tokenRequests).toHaveLength(1);
    expect(tokens.getSnapshot().status).toBe('active');
    server.always(undefined, { endpoint: 'api' });
    await api.get('orders');
    server.next({ status: 401 }, { endpoint: 'api' });
    expect((await api.get('orders')).status).toBe(200);
  });

  test('where the refresh fails, the first 401 is what axios tells', async () => {
    const { api, server, statuses } = await prepare(kind);
    server.revokeAccessTokens();
    server.next({ status: 503 });
    const error = await fail(api.get('orders'));
    expect(error).toMatchObject({ isAxiosError: true, response: { status: 401, data: { error: 'invalid_token' } } });
    expect(statuses()).toEqual([401]);
  });

  test('a 401 that validateStatus takes for an answer is replayed too', async () => {
    const { api, server } = await prepare(kind, { validateStatus: () => true });
    server.revokeAccessTokens();
    expect((await api.get('orders')).status).toBe(200);
    server.always({ status: 401 }, { endpoint: 'api' });
    expect((await api.get('orders')).status).toBe(401);
  });

  test('each refusal is told, with what the server said', async () => {
    const { api, server, origin, seen } = await prepare(kind);
    server.revokeAccessTokens();
    await api.get('orders');
    await fail(api.get('scope/admin'));
    server.next({ status: 403 }, { endpoint: 'api' }); // says nothing about the token
    await fail(api.get('orders'));
    expect(seen('requestRejected')).toMatchObject([
      {
        status: 401,
        origin,
        replayed: false,
        challenges: [{ scheme: 'bearer', parameters: { error: 'invalid_token' } }],
      },
      { status: 403, origin, replayed: false, challenges: [{ parameters: { error: 'insufficient_scope' } }] },
    ]);
    server.always({ status: 401 }, { endpoint: 'api' });
    await fail(api.get('orders'));
    expect(seen('requestRejected').map(({ replayed }) => replayed)).toEqual([false, false, false, true]);
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('a 401 that wants another sign-in is not replayed', async () => {
    const { api, server, statuses, seen } = await prepare(kind);
    const headers = { 'WWW-Authenticate': 'Bearer error="insufficient_user_authentication"' };
    server.next({ status: 401, headers }, { endpoint: 'api' });
    expect((await fail(api.get('orders'))).response.status).toBe(401);
    expect(statuses()).toEqual([401]);
    expect(seen('requestRejected')).toHaveLength(1);
  });

  test('an abort ends the wait as axios ends a request, and the refresh goes on', async () => {
    const { api, holdRefresh, waits, server } = await prepare(kind);
    const release = await holdRefresh();
    const abort = new AbortController();
    const outcome = fail(api.get('orders', { signal: abort.signal }));
    await waits();
    abort.abort();
    expect(kind.library.isCancel(await outcome)).toBe(true);
    await release();
    expect(server.counts.refreshesGranted).toBe(1);
    expect(server.apiRequests).toHaveLength(0);
  });

  test('a CancelToken ends the wait with what it was told, and is let go of afterwards', async () => {
    const { api, holdRefresh, waits, server } = await prepare(kind);
    const release = await holdRefresh();
    const { token, cancel } = kind.library.CancelToken.source();
    const unsubscribe = vi.spyOn(token, 'unsubscribe');
    const outcome = fail(api.get('orders', { cancelToken: token }));
    await waits();
    cancel('the user left');
    expect(await outcome).toMatchObject({ message: 'the user left' });
    expect(kind.library.isCancel(await outcome)).toBe(true);
    expect(unsubscribe).toHaveBeenCalled();
    await release();
    expect(server.apiRequests).toHaveLength(0);
  });

  test('with a CancelToken an abort ends the wait as well, and nothing is left behind', async () => {
    const { api, holdRefresh, waits } = await prepare(kind);
    const release = await holdRefresh();
    const abort = new AbortController();
    const added = vi.spyOn(abort.signal, 'addEventListener');
    const removed = vi.spyOn(abort.signal, 'removeEventListener');
    const { token } = kind.library.CancelToken.source();
    const outcome = fail(api.get('orders', { cancelToken: token, signal: abort.signal }));
    await waits();
    abort.abort();
    expect(kind.library.isCancel(await outcome)).toBe(true);
    expect(removed.mock.calls.map(([, listener]) => listener)).toContain(added.mock.calls[0]?.[1]);
    await release();
  });

  test('an abort while the second token is awaited ends the request as axios ends one', async () => {
    const { api, server, clock, waits, statuses } = await prepare(kind, { validateStatus: () => true });
    server.revokeAccessTokens();
    server.next({ answerDelayMs: 3_000 });
    const abort = new AbortController();
    const outcome = fail(api.get('orders', { signal: abort.signal }));
    await waits();
    abort.abort();
    expect(kind.library.isCancel(await outcome)).toBe(true);
    await clock.advance(3_000);
    expect(statuses()).toEqual([401]);
  });

  test('the error of one request that another is cancelled with keeps the config of its own', async () => {
    const { api, holdRefresh, waits } = await prepare(kind);
    const config = { url: 'of another request' };
    const error = Object.assign(new Error('the other failed'), { config });
    const release = await holdRefresh();
    const abort = new AbortController();
    const outcome = fail(api.get('orders', { signal: abort.signal }));
    await waits();
    abort.abort(error);
    expect(kind.library.isCancel(await outcome)).toBe(true);
    expect(error.config).toBe(config);
    await release();
  });

  test('an abort ends a request that is under way', async () => {
    const { api, server } = await prepare(kind);
    server.next({ hang: true }, { endpoint: 'api' });
    const abort = new AbortController();
    const outcome = fail(api.get('orders', { signal: abort.signal }));
    await expect.poll(() => server.apiRequests).toHaveLength(1);
    abort.abort();
    expect(kind.library.isCancel(await outcome)).toBe(true);
  });

  test('timeout ends a request as it does without us', async () => {
    const { api, bare, server } = await prepare(kind, { timeout: 20 });
    server.always({ hang: true }, { endpoint: 'api' });
    const [ours, theirs] = [await fail(api.get('orders')), await fail(bare.get('orders'))];
    expect(ours.code).toMatch(/^E/);
    expect([ours.code, ours.message]).toEqual([theirs.code, theirs.message]);
  });

  test('upload and download are told as they go on', async () => {
    const { api } = await prepare(kind);
    const told = { up: 0, down: 0 };
    const body = 'x'.repeat(100_000);
    const { data } = await api.post('orders', body, {
      headers: { 'Content-Type': 'text/plain' },
      onUploadProgress: ({ loaded }) => Object.assign(told, { up: loaded }),
      onDownloadProgress: ({ loaded }) => Object.assign(told, { down: loaded }),
    });
    expect(data.body).toHaveLength(100_000);
    // the http adapter of axios 0 tells of neither
    await expect.poll(() => told.up).toBe(kind.library === axios ? 100_000 : 0);
    expect(told.down > 100_000).toBe(kind.library === axios);
  });

  test('another origin is passed on untouched, also when it hides behind an absolute URL', async () => {
    const { api, server } = await prepare(kind);
    const seen: (string | undefined)[] = [];
    const port = await listen((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { connection: 'close' }).end();
    });
    await fail(api.get(`http://127.0.0.1:${port}/x`));
    expect(seen).toEqual([undefined]);
    expect(server.tokenRequests).toHaveLength(0);
  });

  test('the token does not follow a redirect to elsewhere, and a 401 from there is not replayed', async () => {
    const { library, adapter } = kind;
    const got: (string | undefined)[] = [];
    const elsewhere = await listen((request, response) => {
      got.push(request.headers.authorization);
      response.writeHead(401, { connection: 'close' }).end();
    });
    const here = await listen((request, response) => {
      got.push(request.headers.authorization?.slice(0, 7));
      response.writeHead(302, { location: `http://127.0.0.1:${elsewhere}/x`, connection: 'close' }).end();
    });
    const { tokens } = await prepare(kind);
    const origins = [`http://127.0.0.1:${here}`];
    const api = library.create({
      adapter: tokenAdapter(tokens, { axios: library as AxiosLike, origins, adapter: adapter as string }) as never,
    });
    await fail(api.get(`${origins[0]}/x`));
    // fetch does not say where its answer came from: one replay more, and never a token
    expect(got).toEqual(['Bearer ', undefined, ...(adapter === 'fetch' ? ['Bearer ', undefined] : [])]);
  });

  test.each([
    ['an Authorization header', { headers: { authorization: 'Bearer own' } }, 'Bearer own'],
    ['auth', { auth: { username: 'u', password: 'p' } }, 'Basic dTpw'],
  ])('a request with %s of its own is left alone', async (_, config, expected) => {
    const { api, server } = await prepare(kind);
    await fail(api.get('orders', config));
    expect(server.apiRequests.map(({ headers }) => headers.authorization)).toEqual([expected]);
    expect(server.tokenRequests).toHaveLength(0);
  });

  test('without a session it rejects with ERR_NO_SESSION, or sends as it is', async () => {
    const { api, make, tokens, run, server } = await prepare(kind);
    await run(tokens.endSession());
    const error = await fail(api.get('orders'));
    expect(isTokenError(error) && error.code).toBe('ERR_NO_SESSION');
    expect(server.apiRequests).toHaveLength(0);
    await fail(api.get('orders', { adapter: make({ withoutSession: 'send' }) as never }));
    expect(server.apiRequests.map(({ accessToken }) => accessToken)).toEqual([undefined]);
  });

  test('the error that many are told does not grow with each of them', async () => {
    const { api, holdRefresh, server, tokens } = await prepare(kind);
    await holdRefresh();
    server.reset(); // the refresh token is unknown from now on
    await fail(api.get('orders'));
    const first = await fail(api.get('orders'));
    const length = first.stack.length;
    await fail(api.get('elsewhere'));
    expect(tokens.getSnapshot().error?.stack).not.toContain('axios.test.ts');
    expect(first).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_REJECTED' });
    expect(isTokenError(first) && first instanceof Error).toBe(true);
    expect(first.stack).toHaveLength(length);
  });

  test('a stream is sent once, with a token that outlives it, and its 401 is returned', async () => {
    const { api, server, clock, statuses, tokens } = await prepare(kind);
    await clock.advance(550_000); // fifty seconds are left: enough for others
    const before = await tokens.getAccessToken();
    server.next({ status: 401 }, { endpoint: 'api' });
    const error = await fail(api.post('files', Readable.from(['some ', 'bytes'])));
    expect(error.response.status).toBe(401);
    expect(statuses()).toEqual([401]);
    expect(server.apiRequests[0]?.accessToken).not.toBe(before);
    expect(new TextDecoder().decode(server.apiRequests[0]?.body)).toBe('some bytes');
  });

  test('an answer can be read as a stream, also after a replay', async () => {
    const { api, server } = await prepare(kind);
    server.revokeAccessTokens();
    const { data } = await api.get('orders', { responseType: 'stream' });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of data) text += decoder.decode(chunk, { stream: true });
    expect(JSON.parse(text)).toMatchObject({ user: 'ada' });
  });

  test.each([
    ['Buffer', (bytes: Buffer) => bytes],
    ['ArrayBuffer', (bytes: Buffer) => bytes.buffer],
  ])('a %s is sent as it was at the moment of the call, however long the token takes', async (_, view) => {
    const { api, holdRefresh, waits } = await prepare(kind);
    const release = await holdRefresh();
    const bytes = Buffer.from(new TextEncoder().encode('before').buffer);
    const outcome = api.post('files', view(bytes), { transformRequest: (data) => data });
    await waits();
    bytes.write('after!');
    await release();
    expect((await outcome).data.body).toBe('before');
  });

  test('what axios gives back has the config of its caller, and shows no access token when it is printed', async () => {
    const { api, server, tokens } = await prepare(kind);
    const watch = createSecretWatch();
    watch.learn(await tokens.getAccessToken());
    const sent: unknown[] = [];
    api.interceptors.request.use((config) => {
      sent.push(config);
      return config;
    });
    const answer = await api.get('orders');
    server.next({ status: 500 }, { endpoint: 'api' });
    const error = await fail(api.get('orders'));
    server.next({ hang: true }, { endpoint: 'api' });
    const late = await fail(api.get('orders', { timeout: 20 }));
    for (const given of [answer, error, late]) {
      expect(Object.keys(given.config.headers)).not.toContain('Authorization');
      watch.see('printed', inspect(given, { depth: 4 }));
      watch.see('as JSON', JSON.stringify(given.toJSON?.() ?? given));
      expect(given.request).toBeTruthy();
    }
    expect(watch.leaks()).toEqual([]);
    expect(watch.counts).toEqual({ tokens: 1, seen: 6 });
  });

  test('a request that is made again from the config of its error carries the token of its moment', async () => {
    const { api, server, tokens, run } = await prepare(kind);
    server.next({ status: 503 }, { endpoint: 'api' });
    const { config } = await fail(api.get('orders'));
    await run(tokens.refresh());
    await api.request(config);
    const [first, second] = server.apiRequests;
    expect(second?.status).toBe(200);
    expect(second?.accessToken).not.toBe(first?.accessToken);
  });

  test('interceptors see one request and one answer', async () => {
    const { api, server } = await prepare(kind);
    server.revokeAccessTokens();
    const seen: unknown[] = [];
    api.interceptors.request.use((config) => {
      seen.push(config.method);
      return config;
    });
    api.interceptors.response.use((response) => {
      seen.push(response.status);
      return response;
    });
    await api.get('orders');
    expect(seen).toEqual(['get', 200]);
  });

  test('a refresh function that uses the same axios does not wait for itself', async () => {
    const context: { api?: AxiosInstance; tokenUrl?: string } = {};
    const { api, apiUrl, clock, server } = await prepare(
      kind,
      {},
      {
        refresh: async ({ signal, refreshToken }) => {
          const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' });
          const answer = await context.api?.post(`${context.tokenUrl}`, body, { signal: signal as never });
          return answer?.data;
        },
      },
    );
    Object.assign(context, { api, tokenUrl: apiUrl.replace('/api', '/token') });
    await clock.advance(700_000);
    expect((await api.get('orders')).status).toBe(200);
    expect(server.tokenRequests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });
});

test('the example: an axios whose requests to the API carry the access token, and none to elsewhere', async () => {
  const { tokens, apiUrl, server } = await prepare(KINDS[0] as Kind);
  const api = createApi(tokens, apiUrl);
  server.revokeAccessTokens();
  expect((await api.post('orders', { item: 7 })).data).toMatchObject({ user: 'ada', body: '{"item":7}' });
});
