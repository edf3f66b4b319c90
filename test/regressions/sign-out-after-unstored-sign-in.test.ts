import { expect, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { createWorld } from '../support/world.js';

test('signing out of a session that could not be stored does not bring back the one it replaced', async () => {
  const world = createWorld();
  const { storage } = world.platform;
  let isFull = false;
  const filling: TokenStorage = {
    getItem: (key) => storage.getItem(key),
    setItem: (key, value) => {
      if (isFull) throw new Error('QuotaExceededError');
      return storage.setItem(key, value);
    },
    removeItem: (key) => storage.removeItem(key),
  };
  const { tokens } = world.manager({ platform: { ...world.platform, storage: filling } });
  await world.run(tokens.startSession(world.server.signIn()));
  isFull = true;
  await world.run(tokens.startSession(world.server.signIn()));
  await world.run(tokens.endSession());
  expect(world.stored.size).toBe(0);
  await world.clock.advance(1_000);
  expect(tokens.getSnapshot().status).toBe('none');
});
