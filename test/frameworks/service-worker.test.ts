import { expect, test } from 'vitest';
import { carryTokens } from '../../examples/frameworks/service-worker.js';
import { createFetch } from '../../src/index.js';
import { signedIn } from '../support/signed-in.js';

/** A service worker that answers requests to the API; `ask` is a page that makes one. */
async function prepare() {
  const world = await signedIn({ retry: { attempts: 1 } });
  const { tokens, server } = world;
  const worker = new EventTarget();
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  carryTokens(worker as never, api, (url) => url.origin === server.origin);
  const ask = (request: Request): Promise<Response> | undefined => {
    let answer: Promise<Response> | undefined;
    const respondWith = (response: Promise<Response>) => {
      answer = response;
    };
    worker.dispatchEvent(Object.assign(new Event('fetch'), { request, respondWith }));
    return answer;
  };
  return { ...world, ask };
}

test('S5: a service worker puts the access token on what a page cannot put it on, and replays after a 401', async () => {
  const { ask, server, run } = await prepare();
  server.revokeAccessTokens();
  const answer = ask(new Request(`${server.apiUrl}/picture.png`, { headers: { accept: 'image/*' } }));
  expect((await run(answer ?? expect.fail('it answers'))).status).toBe(200);
  expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
});

test('S5: it leaves pages, other servers and tokens of others alone', async () => {
  const { ask, server } = await prepare();
  const page = new Request(server.apiUrl);
  Object.defineProperty(page, 'mode', { value: 'navigate' });
  expect(ask(page)).toBeUndefined();
  expect(ask(new Request('https://cdn.example/logo.png'))).toBeUndefined();
  expect(ask(new Request(server.apiUrl, { headers: { authorization: 'Bearer own' } }))).toBeUndefined();
});

test('S5: what has no answer of the API gets a status that a page can see', async () => {
  const { ask, server, clock, run, tokens } = await prepare();
  await clock.advance(700_000); // the access token has expired
  server.always({ status: 503, headers: { 'Retry-After': '20' } });
  const later = await run(ask(new Request(server.apiUrl)) ?? expect.fail('it answers'));
  expect([later.status, later.headers.has('retry-after')]).toEqual([503, true]);
  await run(tokens.endSession());
  expect((await run(ask(new Request(server.apiUrl)) ?? expect.fail('it answers'))).status).toBe(401);
});
