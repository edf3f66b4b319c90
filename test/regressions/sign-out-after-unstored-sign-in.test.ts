import { expect, test } from 'vitest';
import type { TokenManagerOptions, TokenStorage } from '../../src/index.js';
import { createWorld } from '../support/world.js';

/** A page that signed in as somebody else over its session, while the storage took no write. */
async function replaced(options: Partial<TokenManagerOptions> = {}) {
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
  const { tokens } = world.manager({ platform: { ...world.platform, storage: filling }, ...options });
  await world.run(tokens.startSession(world.server.signIn()));
  isFull = true;
  await world.run(tokens.startSession(world.server.signIn()));
  return { world, tokens };
}

test('signing out of a session that could not be stored does not bring back the one it replaced', async () => {
  const { world, tokens } = await replaced();
  await world.run(tokens.endSession());
  expect(world.stored.size).toBe(0);
  await world.clock.advance(1_000);
  expect(tokens.getSnapshot().status).toBe('none');
});

test('a session that could not be stored and is refused does not bring back the one it replaced', async () => {
  const refresh = async () => Response.json({ error: 'invalid_grant' }, { status: 400 });
  const { world, tokens } = await replaced({ refresh });
  const error = await world.failure(tokens.refresh());
  expect(error.code).toBe('ERR_SESSION_REJECTED');
  await world.clock.advance(1_000);
  expect(tokens.getSnapshot().status).toBe('none');
});
