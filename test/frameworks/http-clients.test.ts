import { HTTPError } from 'got';
import { FetchError } from 'ofetch';
import { expect, onTestFinished, test } from 'vitest';
import { createApi as createGot } from '../../examples/frameworks/got.js';
import { createApi as createOfetch } from '../../examples/frameworks/ofetch.js';
import { createApi as createOpenApi } from '../../examples/frameworks/openapi-fetch.js';
import { isTokenError } from '../../src/index.js';
import { signedIn } from '../support/signed-in.js';

/** Somebody is signed in, and the API listens on a real port. */
async function prepare() {
  const world = await signedIn({ retry: { attempts: 1 } });
  const { apiUrl, close } = await world.server.listen();
  onTestFinished(close);
  const statuses = () => world.server.apiRequests.map(({ status }) => status);
  return { ...world, apiUrl, statuses };
}

const fail = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('expected a rejection'),
    (error) => error,
  );

interface Paths {
  '/orders': {
    post: {
      requestBody: { content: { 'application/json': { item: number } } };
      responses: { 200: { content: { 'application/json': { user: string; body: string } } } };
    };
  };
}

test('S5: ofetch sends its JSON again after a 401, before its own retries hear of it', async () => {
  const { tokens, apiUrl, server, statuses } = await prepare();
  const api = createOfetch(tokens, apiUrl);
  server.revokeAccessTokens();
  const answer = await api('/orders', { method: 'POST', body: { item: 7 }, query: { page: 2 } });
  expect(answer).toMatchObject({ user: 'ada', body: '{"item":7}' });
  expect(answer.url).toMatch(/\/api\/orders\?page=2$/);
  expect(statuses()).toEqual([401, 200]);
});

test('S5: with ofetch an error of evertoken is the cause of its own, and another host gets no token', async () => {
  const { tokens, apiUrl, run, server } = await prepare();
  const api = createOfetch(tokens, apiUrl);
  await fail(api(apiUrl.replace('127.0.0.1', 'localhost'), { retry: 0 }));
  expect(server.apiRequests.filter(({ accessToken }) => accessToken)).toEqual([]);
  await run(tokens.endSession());
  const error = await fail(api('/orders', { retry: 0 }));
  expect(error).toBeInstanceOf(FetchError);
  expect(isTokenError(error.cause) && error.cause.code).toBe('ERR_NO_SESSION');
});

test('S5: openapi-fetch sends its JSON again after a 401, and what it returns is typed by the description', async () => {
  const { tokens, apiUrl, server, statuses } = await prepare();
  const api = createOpenApi<Paths>(tokens, apiUrl);
  server.revokeAccessTokens();
  const { data, response } = await api.POST('/orders', { body: { item: 7 } });
  expect(data?.user).toBe('ada');
  expect(data?.body).toBe('{"item":7}');
  expect(response.status).toBe(200);
  expect(statuses()).toEqual([401, 200]);
});

test('S5: got sends its JSON again after a 401; ten at once cost one refresh', async () => {
  const { tokens, apiUrl, server, statuses } = await prepare();
  const api = createGot(tokens, apiUrl);
  server.revokeAccessTokens();
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, item) => api.post('orders', { json: { item } }).json<{ body: string }>()),
  );
  expect(answers.map(({ body }) => JSON.parse(body).item)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(server.tokenRequests).toHaveLength(1);
  expect(statuses().filter((status) => status === 200)).toHaveLength(10);
});

test('S5: with got the second 401 is its error, and so is the first where the refresh fails; ours are the cause of its own', async () => {
  const { tokens, apiUrl, server, statuses, run } = await prepare();
  const api = createGot(tokens, apiUrl);
  server.always({ status: 401 }, { endpoint: 'api' });
  expect(await fail(api('orders'))).toBeInstanceOf(HTTPError);
  expect(statuses()).toEqual([401, 401]);
  server.next({ status: 503 });
  expect(await fail(api('orders'))).toMatchObject({ name: 'HTTPError', response: { statusCode: 401 } });
  await run(tokens.endSession());
  const error = await fail(api('orders'));
  expect(isTokenError(error.cause) && error.cause.code).toBe('ERR_NO_SESSION');
});

test('S5: with got another host gets no token', async () => {
  const { tokens, apiUrl, server } = await prepare();
  const api = createGot(tokens, apiUrl);
  await fail(api(apiUrl.replace('127.0.0.1', 'localhost'), { prefixUrl: '', retry: { limit: 0 } }));
  expect(server.apiRequests.map(({ accessToken }) => accessToken)).toEqual([undefined]);
});
