import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthServer } from 'evertoken/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { run, type Settings } from './tool.js';

const server = createAuthServer();
const folder = mkdtempSync(join(tmpdir(), 'orders-'));
let listening: Awaited<ReturnType<typeof server.listen>>;
let settings: Settings;

beforeAll(async () => {
  listening = await server.listen();
  settings = {
    file: join(folder, 'session.json'),
    issuer: listening.origin,
    api: `${listening.apiUrl}/orders`,
    // the user's browser: the server approves by itself, and the browser goes to where the tool listens
    open: async (url) => fetch(await server.authorize(url)),
  };
});
afterEach(() => server.reset());
afterAll(async () => {
  await listening.close();
  rmSync(folder, { recursive: true });
});

test('a user signs in once, and each run after that goes on with the session', async () => {
  expect(await run('orders', settings)).toEqual(['Not signed in. Run: orders login', 1]);
  expect(await run('login', settings)).toEqual(['Signed in.', 0]);

  const runs = await Promise.all([run('orders', settings), run('orders', settings)]); // two at once, on one file

  expect(runs.map(([, code]) => code)).toEqual([0, 0]);
  expect(await run('logout', settings)).toEqual(['Signed out.', 0]);
  expect(await run('orders', settings)).toEqual(['Not signed in. Run: orders login', 1]);
});

test('an access token that the API refuses is replaced, and nobody signs in again', async () => {
  await run('login', settings);
  server.revokeAccessTokens();

  expect((await run('orders', settings))[1]).toBe(0);

  expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
});

test('a token endpoint that is down is told, and signs nobody out', async () => {
  await run('login', settings);
  server.revokeAccessTokens();
  server.always({ status: 503, headers: { 'Retry-After': '60' } });

  expect((await run('orders', settings))[1]).toBe(1);
  server.always(() => undefined);

  expect(await run('logout', settings)).toEqual(['Signed out.', 0]);
});
