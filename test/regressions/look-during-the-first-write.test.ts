import { expect, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { createWorld } from '../support/world.js';

test('a look that saw the empty storage just before the session was stored at last signs nobody out', async () => {
  const world = createWorld();
  const { storage, clock } = world.platform;
  let isFull = true;
  let isSlow = false;
  const platform: TokenStorage = {
    getItem: async (key) => {
      const text = await storage.getItem(key);
      const isLate = isSlow;
      isSlow = false;
      if (isLate) await new Promise<void>((resolve) => clock.after(4_000, resolve));
      return text;
    },
    setItem: (key, value) => {
      if (isFull) throw new Error('QuotaExceededError');
      return storage.setItem(key, value);
    },
    removeItem: (key) => storage.removeItem(key),
  };
  const { tokens } = world.manager({ platform: { ...world.platform, storage: platform }, proactive: false });
  await world.run(tokens.startSession(world.server.signIn()));
  await world.clock.advance(100);
  const { sessionId } = tokens.getSnapshot();
  isSlow = true;
  isFull = false;
  world.wakeups.fire();
  await world.clock.advance(6_000);
  expect(world.stored.get('evertoken:session')).toContain(sessionId);
  expect(tokens.getSnapshot().sessionId).toBe(sessionId);
});
