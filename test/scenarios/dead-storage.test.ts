import { describe, expect, test } from 'vitest';
import {
  createFetch,
  createTokenManager,
  inProcess,
  type Marks,
  OptionsError,
  StorageError,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

const LIFETIME = 600_000;

/** A storage that is dead for good: each call fails in the same way. */
function home(fail: () => unknown, marks?: Marks) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
  const storage = { getItem: fail as () => null, setItem: fail, removeItem: fail };
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock, storage, ...(marks && { marks }) },
    proactive: false,
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch, withoutSession: 'send' });
  return { clock, server, tokens, api };
}

const dead = new StorageError('ERR_STORAGE_READ', 'this database is dead');

describe.each([
  ['rejects', () => Promise.reject(dead)],
  ['never answers', () => new Promise(() => undefined)],
])('a storage that %s', (_, fail) => {
  test('lets a session live in memory: served, refreshed, ended', async () => {
    const { clock, server, tokens } = home(fail);
    await clock.runUntil(tokens.startSession(server.signIn()));
    const first = await clock.runUntil(tokens.getAccessToken());
    await clock.advance(LIFETIME);
    const second = await clock.runUntil(tokens.getAccessToken());
    expect(second).not.toBe(first);
    expect(server.inspect(second)?.active).toBe(true);
    await clock.runUntil(tokens.endSession().catch(() => undefined));
    expect(tokens.getSnapshot().status).toBe('none');
    tokens.dispose();
  });

  test('lets a session live that starts a moment after a sign-out, although neither is stored', async () => {
    const notes = new Map<string, string | null>();
    const marks: Marks = { get: (key) => notes.get(key) ?? null, set: (key, value) => void notes.set(key, value) };
    const { clock, server, tokens } = home(fail, marks);
    await clock.runUntil(tokens.endSession().catch(() => undefined));
    expect([...notes.values()]).toEqual([expect.stringContaining('<')]); // of whatever there is
    await clock.runUntil(tokens.startSession(server.signIn()));
    await clock.advance(LIFETIME);
    const accessToken = await clock.runUntil(tokens.getAccessToken());
    expect(server.inspect(accessToken)?.active).toBe(true);
    tokens.dispose();
  });

  test('lets requests go out that need no session, and says that nothing is known', async () => {
    const { clock, server, tokens, api } = home(fail);
    expect(await clock.runUntil(tokens.ready())).toMatchObject({ status: 'loading', error: { name: 'StorageError' } });
    const response = await clock.runUntil(api(`${server.origin}/api/public`));
    expect(response.status).toBe(401); // it went out, without an access token
    expect(server.apiRequests).toHaveLength(1);
    tokens.dispose();
  });
});

test('a platform that keeps no session at all refuses to start one, and nothing lives in memory', async () => {
  const refusal = new OptionsError('ERR_OPTIONS', 'this is a server');
  const clock = fakeClock();
  const platform = inProcess();
  const setItem = () => {
    throw refusal;
  };
  const tokens = createTokenManager({
    refresh: () => Promise.reject(new Error('nobody asks')),
    platform: { ...platform, clock, storage: { ...platform.storage, setItem } },
  });
  await expect(clock.runUntil(tokens.startSession({ access_token: 'at' }))).rejects.toBe(refusal);
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  tokens.dispose();
});

test('a lock that says itself what the matter is, is heard', async () => {
  const { clock, server } = home(() => null);
  const failure = new StorageError('ERR_STORAGE_WRITE', 'Expected a folder that can be written to, but EROFS came.');
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock, lock: { run: () => Promise.reject(failure) } },
    proactive: false,
  });
  await clock.runUntil(tokens.startSession(server.signIn()));
  await expect(clock.runUntil(tokens.refresh())).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
  tokens.dispose();
});
