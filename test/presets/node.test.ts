import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { startChild } from '../support/child.js';

const childEntry = join(import.meta.dirname, 'node-child.ts');
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-node-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function setUp(proactive?: boolean) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...node(), clock },
    proactive,
  });
  return { clock, server, tokens };
}

test('nothing is refreshed that nobody asks for; a stale token is refreshed behind the call that asks', async () => {
  const { clock, server, tokens } = setUp();
  await tokens.startSession(server.signIn());
  await clock.advance(55_000);
  expect(server.tokenRequests).toHaveLength(0);
  const stale = await tokens.getAccessToken();
  await clock.settle();
  expect(server.tokenRequests).toHaveLength(1);
  expect(await tokens.getAccessToken()).not.toBe(stale);
  await clock.advance(86_400_000);
  expect(server.tokenRequests).toHaveLength(1);
});

test('a manager that is told to be proactive is', async () => {
  const { clock, server, tokens } = setUp(true);
  await tokens.startSession(server.signIn());
  await clock.advance(600_000);
  expect(server.tokenRequests.length).toBeGreaterThan(8);
});

test.each(['in memory', 'in a file'])('a script that signs in and asks once ends by itself: %s', async (where) => {
  const file = where === 'in a file' ? join(folder, 'credentials.json') : undefined;
  const child = startChild(childEntry, file === undefined ? ['', 'sign-in'] : [file, 'sign-in']);
  expect(await child.next('token')).toBe('token first');
  const began = performance.now();
  await child.gone;
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('a session that one process stored is there for the next one', async () => {
  const file = join(folder, 'credentials.json');
  await startChild(childEntry, [file, 'sign-in']).gone;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await startChild(childEntry, [file]).next('token')).toBe('token first');
});

test('with a file, nothing is refreshed behind an answer: the process may end with it', () => {
  expect(node({ file: join(folder, 'credentials.json') }).background).toBe(false);
  expect(node().background).toBeUndefined();
});

test('E8: a path is fixed at creation: the storage, the lock and the notices stay where they are after chdir', async () => {
  const before = process.cwd();
  const elsewhere = mkdtempSync(join(tmpdir(), 'evertoken-elsewhere-'));
  try {
    process.chdir(folder);
    const { storage, lock, channel } = node({ file: 'session.json' });
    process.chdir(elsewhere);
    await storage.setItem('key', 'value');
    await lock.run('key', new AbortController().signal, async () => undefined);
    channel.announce('key');
    await expect.poll(() => readdirSync(join(folder, 'session.json.lock')).length).toBe(3);
    expect([readdirSync(folder).sort(), readdirSync(elsewhere)]).toEqual([['session.json', 'session.json.lock'], []]);
  } finally {
    process.chdir(before);
    rmSync(elsewhere, { recursive: true });
  }
});
