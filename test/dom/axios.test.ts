import axios, { type AxiosRequestConfig } from 'axios';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { tokenAdapter } from '../../src/integrations/axios.js';
import { signedIn } from '../support/signed-in.js';

afterEach(() => document.querySelector('base')?.remove());

/** A page in which somebody is signed in; axios sends by XMLHttpRequest, which is what it prefers there. */
async function prepare(config: AxiosRequestConfig = {}) {
  const world = await signedIn({ retry: { attempts: 1 } });
  const { origin, apiUrl, close } = await world.server.listen();
  onTestFinished(close);
  const opened = vi.spyOn(XMLHttpRequest.prototype, 'open');
  onTestFinished(() => opened.mockRestore());
  const adapter = tokenAdapter(world.tokens, { axios, origins: [origin] });
  const api = axios.create({ baseURL: apiUrl, adapter, ...config });
  return { ...world, origin, apiUrl, api, opened };
}

const fail = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('expected a rejection'),
    (error) => error,
  );

test('S4: in a page a request that is refused costs one refresh and one replay with the same bytes', async () => {
  const { api, server, opened } = await prepare();
  server.revokeAccessTokens();
  const answers = await Promise.all([1, 2, 3].map((id) => api.post(`orders/${id}`, { id })));
  expect(answers.map(({ data }) => data.body)).toEqual(['{"id":1}', '{"id":2}', '{"id":3}']);
  expect(server.apiRequests.map(({ status }) => status).sort()).toEqual([200, 200, 200, 401, 401, 401]);
  expect(server.tokenRequests).toHaveLength(1);
  expect(opened).toHaveBeenCalledTimes(6);
});

test('S4: in a page a form with a file is replayed with everything in it', async () => {
  const { api, server } = await prepare();
  server.revokeAccessTokens();
  const form = new FormData();
  form.set('name', 'ada');
  form.set('file', new File(['some bytes'], 'a.txt', { type: 'text/plain' }));
  await api.post('files', form);
  const [first, second] = server.apiRequests.map(({ body, headers }) => {
    const boundary = /boundary=(.*)$/.exec(headers['content-type'] ?? '')?.[1] ?? 'none';
    return new TextDecoder().decode(body).replaceAll(boundary, '');
  });
  expect(first).toContain('some bytes');
  expect(second).toBe(first);
});

test('S4: in a page cancelling ends the wait as it ends a request', async () => {
  const { api, server, clock } = await prepare();
  await clock.advance(700_000);
  server.next({ answerDelayMs: 3_000 });
  const abort = new AbortController();
  const outcome = fail(api.get('orders', { signal: abort.signal }));
  await expect.poll(() => server.tokenRequests).toHaveLength(1);
  abort.abort();
  expect(axios.isCancel(await outcome)).toBe(true);
  await clock.advance(3_000);
  expect(server.apiRequests).toHaveLength(0);
});

test('S4: in a page upload and download are told as they go on', async () => {
  const { api } = await prepare();
  const loaded: number[] = [];
  await api.post('orders', 'x'.repeat(10_000), { onDownloadProgress: (event) => loaded.push(event.loaded) });
  expect(loaded.at(-1)).toBeGreaterThan(10_000);
});

test('F1: in a page a relative URL leads where axios takes it, also when the base changes during the wait', async () => {
  const { server, origin, clock, tokens } = await prepare();
  const sent: [string, string | undefined][] = [];
  const adapter = tokenAdapter(tokens, {
    axios,
    origins: [location.origin, origin],
    adapter: async ({ url, headers }: { url?: string; headers?: { Authorization?: string } }) => {
      sent.push([new URL(url ?? '', document.baseURI).origin, headers?.Authorization?.slice(0, 7)]);
      return { status: 200, data: 'ok', headers: {} };
    },
  });
  const page = axios.create({ adapter });
  await page.get('/me');
  const base = document.head.appendChild(document.createElement('base'));
  base.href = 'https://elsewhere.test/';
  await page.get('/me');
  base.href = origin;
  await clock.advance(700_000);
  server.next({ answerDelayMs: 3_000 });
  const waiting = page.get('/me');
  await expect.poll(() => server.tokenRequests).toHaveLength(1);
  base.href = 'https://elsewhere.test/';
  await clock.advance(3_000);
  await waiting;
  expect(sent).toEqual([
    [location.origin, 'Bearer '],
    ['https://elsewhere.test', undefined],
    ['https://elsewhere.test', undefined],
  ]);
});
