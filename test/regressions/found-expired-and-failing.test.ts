import { expect, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { createWorld } from '../support/world.js';

test('an expired session that a peer stored meanwhile is not refreshed before the moment that its server named', async () => {
  const world = createWorld();
  const { storage } = world.platform;
  let requests = 0;
  const options = {
    refreshTokenIn: 'cookie',
    proactive: false,
    refresh: async () => {
      requests++;
      return new Response(null, { status: 503, headers: { 'Retry-After': '120' } });
    },
  } as const;
  const first = world.manager(options);
  await world.run(
    first.tokens.startSession({ access_token: 'access-1-of-the-peer', token_type: 'Bearer', expires_in: 60 }),
  );
  await world.clock.advance(61_000);
  await world.failure(first.tokens.getAccessToken());
  expect(requests).toBe(1);
  let reads = 0;
  const early: TokenStorage = {
    getItem: (key) => (reads++ === 0 ? null : storage.getItem(key)), // the peer had not stored it yet
    setItem: (key, value) => storage.setItem(key, value),
    removeItem: (key) => storage.removeItem(key),
  };
  const second = world.manager({ ...options, platform: { ...world.platform, storage: early } });
  const error = await world.failure(second.tokens.getAccessToken());
  expect(error.code).toBe('ERR_REFRESH_UNAVAILABLE');
  expect(error.retryAt).toBeGreaterThan(world.clock.now());
  expect(requests).toBe(1);
});
