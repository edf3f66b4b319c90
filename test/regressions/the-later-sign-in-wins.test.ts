import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type Platform, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

const tab = (platform: Platform): TokenManager =>
  createTokenManager({ refresh: () => Promise.reject(new Error('not asked for')), platform, proactive: false });

test('a sign-in that a hanging storage has held up is not stored over a later one', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, channel: { announce: () => undefined, subscribe: () => () => undefined } };
  const { storage } = platform;
  let isHanging = true;
  const hanging = <Value>(value: () => Value) => (isHanging ? new Promise<Value>(() => undefined) : value());
  const slow = {
    getItem: (key: string) => hanging(() => storage.getItem(key)) as Promise<string | null>,
    setItem: (key: string, value: string) => hanging(() => storage.setItem(key, value)),
    removeItem: storage.removeItem,
  };
  const lock = inProcess(); // the storage is what is slow: each has the lock when it asks
  const [first, second] = [tab({ ...platform, storage: slow }), tab({ ...platform, lock: lock.lock })];
  const starting = first.startSession({ access_token: 'access-ada', refresh_token: 'refresh-ada' });
  await clock.advance(2_000);
  await second.startSession({ access_token: 'access-bob', refresh_token: 'refresh-bob' });
  await clock.runUntil(starting); // in memory: storing it has failed
  isHanging = false;
  await clock.advance(300_000); // and is tried again
  expect(await storage.getItem('evertoken:session')).toContain('refresh-bob');
  expect(await clock.runUntil(second.getAccessToken())).toBe('access-bob');
});

test('a sign-in that lost its lock to a later one is not stored over that', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, channel: { announce: () => undefined, subscribe: () => () => undefined } };
  const lost = new AbortController();
  const frozen = new Promise<void>((resolve) => clock.after(20_000, resolve));
  let grants = 0;
  const lock: Platform['lock'] = {
    run: async (key, signal, task, options) => {
      if (grants++ > 0) return platform.lock.run(key, signal, task, options);
      await frozen; // granted, but the tab sleeps until after it was taken over
      return task({ signal: lost.signal });
    },
  };
  const [first, second] = [tab({ ...platform, lock }), tab(platform)];
  const starting = first.startSession({ access_token: 'access-ada', refresh_token: 'refresh-ada' });
  await clock.advance(1_000);
  await second.startSession({ access_token: 'access-bob', refresh_token: 'refresh-bob' });
  lost.abort();
  await clock.runUntil(starting);
  await clock.advance(300_000);
  expect(await platform.storage.getItem('evertoken:session')).toContain('refresh-bob');
  expect(await clock.runUntil(first.getAccessToken())).toBe('access-bob');
});
