import { HttpResponse } from 'msw';
import { http } from 'msw/http';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createAuthServer, fakeClock } from '../../src/testing.js';

const clock = fakeClock();
const server = createAuthServer({ clock });
const network = setupServer(
  ...server.handlers,
  http.get('https://elsewhere.test/', () => HttpResponse.text('elsewhere')),
);

beforeAll(() => network.listen({ onUnhandledFrame: 'error' }));
afterEach(() => {
  network.resetHandlers();
  server.reset();
});
afterAll(() => network.close());

function trade(refresh_token = '', init: RequestInit = {}) {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token });
  return fetch(server.tokenUrl, { method: 'POST', body, ...init });
}

it('answers the requests of the global fetch, and lists them', async () => {
  const tokens = await (await trade(server.signIn().refresh_token)).json();
  const headers = { Authorization: `Bearer ${tokens.access_token}` };
  const echo = await fetch(`${server.apiUrl}/things`, { method: 'POST', body: 'grüß', headers });
  expect(await echo.json()).toMatchObject({ method: 'POST', body: 'grüß' });
  expect(server.tokenRequests[0]).toMatchObject({ granted: true, status: 200 });
  expect((await fetch(server.apiUrl)).headers.get('www-authenticate')).toContain('Bearer');
});

it('leaves other origins to other handlers', async () => {
  expect(await (await fetch('https://elsewhere.test/')).text()).toBe('elsewhere');
});

it('breaks connections, after acting too', async () => {
  const { refresh_token } = server.signIn();
  server.next({ acts: true, drop: true });
  await expect(trade(refresh_token)).rejects.toThrow(/network error/i); // happy-dom's own kind of error
  expect(server.tokenRequests[0]).toMatchObject({ granted: true, status: undefined });
});

it('hangs until the client gives up', async () => {
  server.next({ hang: true });
  const abort = new AbortController();
  const hanging = trade('x', { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('no patience')), 1);
  await expect(hanging).rejects.toThrow('no patience');
});

it('gets on while a fake clock advances, without any real waiting', async () => {
  server.set({ delayMs: 250, answerDelayMs: 250 });
  let refresh_token = server.signIn().refresh_token;
  const moments: number[] = [];
  const startedAt = clock.now();
  const work = async () => {
    for (let round = 0; round < 10; round++) {
      refresh_token = (await (await trade(refresh_token)).json()).refresh_token;
      moments.push(clock.now() - startedAt);
      await new Promise<void>((resolve) => clock.after(500, resolve));
    }
  };
  void work();
  await clock.advance(10_000);
  expect(moments).toEqual([500, 1_500, 2_500, 3_500, 4_500, 5_500, 6_500, 7_500, 8_500, 9_500]);
});

it('keeps the cookie mode', async () => {
  server.set({ refreshTokenIn: 'cookie' });
  server.signIn();
  const body = () => new URLSearchParams({ grant_type: 'refresh_token' });
  for (let round = 0; round < 2; round++) {
    expect((await fetch(server.tokenUrl, { method: 'POST', body: body() })).status).toBe(200);
  }
});
