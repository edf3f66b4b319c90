import { readFileSync } from 'node:fs';
import { HTTPError, TimeoutError } from 'ky';
import { afterEach, expect, test, vi } from 'vitest';
import { createApi } from '../../examples/ky.js';
import { isTokenError } from '../../src/index.js';
import { createWorld } from '../support/world.js';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** The example as users have it, in front of the server: it sends with the global `fetch`. */
async function signedIn() {
  const world = createWorld();
  vi.stubGlobal('fetch', world.server.fetch);
  const { tokens, events } = world.manager();
  await tokens.startSession(world.server.signIn());
  return { ...world, tokens, events, api: createApi(tokens, `${world.server.apiUrl}/`) };
}

test('ky sends JSON and reads JSON as it always does, with the access token besides', async () => {
  const { api, server, run } = await signedIn();

  const answer = await run(api.post('orders', { json: { item: 7 }, headers: { 'X-Trace': 't' } }).json());

  expect(answer).toMatchObject({ user: 'ada', method: 'POST', body: '{"item":7}', headers: { 'x-trace': 't' } });
  expect(server.apiRequests[0]?.headers['content-type']).toBe('application/json');
});

test('a POST that was refused with 401 is replayed with the same JSON, before ky hears of it', async () => {
  const { api, server, run } = await signedIn();
  server.revokeAccessTokens();
  const seen: number[] = [];

  const noted = api.extend({ hooks: { afterResponse: [({ response }) => void seen.push(response.status)] } });
  const answer = await run(noted.post('orders', { json: { item: 7 } }).json());

  expect(answer).toMatchObject({ body: '{"item":7}' });
  expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
  expect(server.apiRequests[1]?.body).toEqual(server.apiRequests[0]?.body);
  expect(seen).toEqual([200]);
});

test('a form with a file that was refused with 401 is replayed byte by byte', async () => {
  const { api, server, run } = await signedIn();
  server.revokeAccessTokens();
  const form = new FormData();
  form.set('file', new File(['some bytes'], 'a.txt', { type: 'text/plain' }));

  await run(api.post('files', { body: form }).json());

  expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
  expect(server.apiRequests[1]?.body).toEqual(server.apiRequests[0]?.body);
});

test('five parallel 401s cost one refresh', async () => {
  const { api, server, run } = await signedIn();
  server.revokeAccessTokens();

  const answers = await run(Promise.all([1, 2, 3, 4, 5].map((id) => api.get(`orders/${id}`).json())));

  expect(answers).toHaveLength(5);
  expect(server.tokenRequests).toHaveLength(1);
  expect(server.apiRequests.filter(({ status }) => status === 401)).toHaveLength(5);
});

test("ky's own retries go on, each with the access token of its moment", async () => {
  const { api, server, tokens, clock, run } = await signedIn();
  server.next({ status: 503 }, { times: 2, endpoint: 'api' });
  let retries = 0;

  const patient = api.extend({
    retry: { limit: 2, delay: () => 0 },
    hooks: {
      beforeRetry: [
        async ({ retryCount }) => {
          retries = retryCount;
          // the access token changes between the second and the third request
          if (retryCount === 2) await clock.track(tokens.refresh());
        },
      ],
    },
  });
  await run(patient.get('orders').json());

  expect(retries).toBe(2);
  const [first, second, third] = server.apiRequests;
  expect([first?.status, second?.status, third?.status]).toEqual([503, 503, 200]);
  expect(first?.accessToken).toBe(second?.accessToken);
  expect(third?.accessToken).not.toBe(second?.accessToken);
});

test('hooks see no access token, and what they change arrives', async () => {
  const { api, server, run } = await signedIn();
  const headers: (string | null)[] = [];
  const hooked = api.extend({
    hooks: {
      beforeRequest: [
        ({ request }) => {
          headers.push(request.headers.get('authorization'));
          request.headers.set('X-From', 'hook');
        },
      ],
    },
  });

  await run(hooked.get('orders').json());

  expect(headers).toEqual([null]);
  expect(server.apiRequests[0]?.headers).toMatchObject({ 'x-from': 'hook' });
});

test('an Authorization header that a hook sets is left alone, and no 401 refreshes for it', async () => {
  const { api, server, failure } = await signedIn();
  const own = api.extend({
    hooks: { beforeRequest: [({ request }) => request.headers.set('Authorization', 'Bearer own')] },
  });

  const error = await failure(own.get('orders').json());

  expect(error).toBeInstanceOf(HTTPError);
  expect(server.apiRequests.map(({ accessToken }) => accessToken)).toEqual(['own']);
  expect(server.tokenRequests).toHaveLength(0);
});

test("ky's timeout ends a request that waits for a refresh; the refresh goes on", async () => {
  const { api, server, tokens, clock } = await signedIn();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  server.next({ answerDelayMs: 3_000 });
  await clock.advance(700_000);

  const outcome = api
    .get('orders', { timeout: 1_000, retry: 0 })
    .json()
    .catch((error: unknown) => error);
  await clock.settle();
  await vi.advanceTimersByTimeAsync(1_000);

  expect(await outcome).toBeInstanceOf(TimeoutError);
  expect(server.apiRequests).toHaveLength(0);
  await clock.advance(3_000);
  expect(tokens.getSnapshot()).toMatchObject({ refreshing: false, error: undefined });
  expect(server.counts.refreshesGranted).toBe(1);
});

test('a second 401 is an HTTPError with its body; nobody is signed out', async () => {
  const { api, server, tokens, failure } = await signedIn();
  server.next({ status: 401, body: { reason: 'not today' } }, { times: 2, endpoint: 'api' });

  const error = await failure(api.get('orders').json());

  expect(error).toMatchObject({ name: 'HTTPError', response: { status: 401 }, data: { reason: 'not today' } });
  expect(tokens.getSnapshot().status).toBe('active');
  expect(server.tokenRequests).toHaveLength(1);
});

test('an error of evertoken reaches the caller of ky as it is, without a retry', async () => {
  const { api, server, tokens, failure, run } = await signedIn();
  await run(tokens.endSession());

  const error = await failure(api.get('orders').json());

  expect(isTokenError(error) && error.code).toBe('ERR_NO_SESSION');
  expect(server.apiRequests).toHaveLength(0);
});

test('an abort detaches the caller of ky, with its own reason', async () => {
  const { api, server, clock } = await signedIn();
  server.next({ answerDelayMs: 3_000 });
  await clock.advance(700_000);
  const controller = new AbortController();

  const outcome = api
    .get('orders', { signal: controller.signal })
    .json()
    .catch((error: unknown) => error);
  await clock.settle();
  controller.abort(new Error('the user left'));

  expect(await outcome).toMatchObject({ message: 'the user left' });
  await clock.advance(3_000);
  expect(server.counts.refreshesGranted).toBe(1);
});

test('the recipe says which ky it is written for, and what the one that Node 20 gets is told instead', () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const { version } = JSON.parse(read('node_modules/ky/package.json')) as { version: string };
  const [major] = version.split('.');
  for (const page of ['examples/ky.ts', 'docs/recipes.md', 'docs/frameworks/http-clients.md']) {
    expect(read(page)).toMatch(new RegExp(`ky ${major}\\b[\\s\\S]*Node 20[\\s\\S]*prefixUrl`));
  }
});
