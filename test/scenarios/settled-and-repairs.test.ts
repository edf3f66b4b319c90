import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('settled() waits for the repair of a write that failed', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, random: () => 0.5 };
  const { storage } = platform;
  let isFull = true;
  platform.storage = {
    getItem: (key) => storage.getItem(key),
    setItem: (key, value) => {
      if (isFull) throw new Error('full');
      return storage.setItem(key, value);
    },
    removeItem: (key) => storage.removeItem(key),
  };
  const tokens = createTokenManager({ refresh: async () => ({ access_token: 'x' }), proactive: false, platform });
  await clock.runUntil(tokens.startSession({ access_token: 'a', refresh_token: 'r' }));
  isFull = false;
  await clock.runUntil(tokens.settled());
  expect(await storage.getItem('evertoken:session')).not.toBeNull();
});

test('settled() does not wait for the second repair of a storage that stays full, nor for any after dispose()', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, random: () => 0.5 };
  platform.storage.setItem = () => {
    throw new Error('full');
  };
  const tokens = createTokenManager({ refresh: async () => ({ access_token: 'x' }), proactive: false, platform });
  await clock.runUntil(tokens.startSession({ access_token: 'a', refresh_token: 'r' }));
  const startedAt = clock.now();
  await clock.runUntil(tokens.settled());
  expect(clock.now() - startedAt).toBeLessThanOrEqual(1_000);
  const again = createTokenManager({ refresh: async () => ({ access_token: 'x' }), proactive: false, platform });
  await clock.runUntil(again.startSession({ access_token: 'a', refresh_token: 'r' }));
  again.dispose();
  const disposedAt = clock.now();
  await clock.runUntil(again.settled());
  expect(clock.now() - disposedAt).toBe(0);
});
