import { expect, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { createWorld } from '../support/world.js';

/** A signed-in page with an expired token, whose server says 503 with `Retry-After` while the storage takes no write. */
async function refused() {
  const world = createWorld();
  const { storage } = world.platform;
  const facts = { requests: 0, isFull: false };
  const filling: TokenStorage = {
    getItem: (key) => storage.getItem(key),
    setItem: (key, value) => {
      if (facts.isFull) throw new Error('QuotaExceededError');
      return storage.setItem(key, value);
    },
    removeItem: (key) => storage.removeItem(key),
  };
  const options = {
    platform: { ...world.platform, storage: filling },
    proactive: false,
    refresh: async () => {
      facts.requests++;
      facts.isFull = true;
      return new Response(null, { status: 503, headers: { 'Retry-After': '120' } });
    },
  };
  const { tokens } = world.manager(options);
  await world.run(tokens.startSession({ ...world.server.signIn(), expires_in: 60 }));
  await world.clock.advance(61_000);
  await world.failure(tokens.getAccessToken());
  return { world, facts, options, tokens };
}

test('a Retry-After that could not be stored is heeded after the next look at the storage too', async () => {
  const { world, facts, tokens } = await refused();
  world.wakeups.fire();
  await world.clock.advance(100);
  const error = await world.failure(tokens.getAccessToken());
  expect(error.code).toBe('ERR_REFRESH_UNAVAILABLE');
  expect(facts.requests).toBe(1);
});

test('a Retry-After that could not be stored is stored later, so that a reloaded page heeds it', async () => {
  const { world, facts, options, tokens } = await refused();
  facts.isFull = false;
  await world.clock.advance(30_000);
  tokens.dispose();
  const reloaded = world.manager(options);
  const error = await world.failure(reloaded.tokens.getAccessToken());
  expect(error.code).toBe('ERR_REFRESH_UNAVAILABLE');
  expect(facts.requests).toBe(1);
});
