import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type Marks, type Platform } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

function home(answer: () => Response) {
  const clock = fakeClock();
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const platform = { ...inProcess(), clock, storage };
  const manager = (parts: Partial<Platform> = {}) =>
    createTokenManager({
      refresh: async () => answer(),
      refreshTokenIn: 'cookie',
      proactive: false,
      platform: { ...platform, ...parts },
    });
  return { clock, items, manager };
}

test('a sign-out leaves nothing in the storage, also where a Retry-After is all that there was', async () => {
  const { clock, items, manager } = home(() => new Response('', { status: 429, headers: { 'retry-after': '60' } }));
  const tokens = manager();
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  expect([...items.keys()]).toEqual([expect.stringContaining(':pause')]);
  await clock.runUntil(tokens.endSession());
  expect([...items.keys()]).toEqual([]);
  tokens.dispose();
});

test('a sign-out before it is known who is signed in ends whoever is, also who has signed in beside it', async () => {
  const { clock, items, manager } = home(() => new Response(null, { status: 401 }));
  const peer = manager();
  await clock.runUntil(peer.startSession({ access_token: 'first', expires_in: 600 }));
  const tokens = manager();
  const starting = peer.startSession({ access_token: 'second', expires_in: 600 });
  await clock.runUntil(Promise.all([starting, tokens.endSession()]));
  expect(tokens.getSnapshot().status).toBe('none');
  expect([...items.keys()]).toEqual([]);
  await expect(clock.runUntil(peer.getAccessToken())).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
});

test('finishing the sign-out of a page that left removes nothing where nothing is stored: a session may be written right then', async () => {
  const { clock, items, manager } = home(() => new Response(null, { status: 401 }));
  const notes = new Map<string, string | null>([['evertoken:session:ended', 'of-a-page-that-left']]);
  const marks: Marks = { get: (key) => notes.get(key) ?? null, set: (key, value) => void notes.set(key, value) };
  const removed: string[] = [];
  const tokens = manager({
    marks,
    storage: {
      getItem: () => null,
      setItem: (key, value) => void items.set(key, value),
      removeItem: (key) => void removed.push(key),
    },
  });
  await clock.runUntil(tokens.ready());
  await clock.runUntil(tokens.settled());
  expect([...notes.values()]).toEqual([null]);
  expect(removed.filter((key) => !key.endsWith(':pause'))).toEqual([]);
  tokens.dispose();
});
