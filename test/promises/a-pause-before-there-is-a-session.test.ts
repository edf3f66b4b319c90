import { expect, test } from 'vitest';
import { createTokenManager, type Platform, type TokenStorage } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';
import { json, outcome } from '../support/promise-world.js';

/** Services that speak for themselves (client credentials), without a channel between them. */
function fleet(answer: () => Response) {
  const clock = fakeClock();
  const keys = new Set<string>();
  const askedAt: number[] = [];
  const managers = peers(3, { clock }).map(({ platform }) =>
    createTokenManager({
      refreshTokenIn: 'cookie',
      refresh: async () => {
        askedAt.push(clock.now());
        return answer();
      },
      platform: {
        ...platform,
        storage: watched(platform, keys),
        channel: { announce() {}, subscribe: () => () => {} },
      },
      proactive: false,
    }),
  );
  return { clock, keys, askedAt, managers };
}

/** Notes which keys hold something. */
function watched({ storage }: Platform, keys: Set<string>): TokenStorage {
  return {
    getItem: (key) => storage.getItem(key),
    setItem: async (key, value, options) => {
      await storage.setItem(key, value, options);
      keys.add(key);
    },
    removeItem: async (key, options) => {
      await storage.removeItem(key, options);
      keys.delete(key);
    },
  };
}

test('before there is a first token, a Retry-After holds for all peers', async () => {
  let isUp = false;
  const { clock, askedAt, managers, keys } = fleet(() =>
    isUp ? json({ access_token: 'at', expires_in: 600 }) : json({}, 429, { 'Retry-After': '120' }),
  );
  const retryAt = clock.now() + 120_000;
  for (const manager of managers) {
    expect(await outcome(clock, manager.getAccessToken())).toMatchObject({
      ok: false,
      error: { code: 'ERR_REFRESH_UNAVAILABLE', status: 429, retryAt },
    });
    await clock.advance(10_000);
  }
  expect(askedAt).toHaveLength(1);
  isUp = true;
  await clock.advance(120_000);
  for (const manager of managers) {
    expect(await outcome(clock, manager.getAccessToken())).toMatchObject({ ok: true, value: 'at' });
  }
  expect(askedAt).toHaveLength(2);
  expect([...keys]).toEqual(['evertoken:session']);
  for (const manager of managers) manager.dispose();
});

test('a pause of before the session is not left behind by a sign-out', async () => {
  const { clock, managers, keys } = fleet(() => json({}, 429, { 'Retry-After': '120' }));
  const [asks, signsIn] = managers as [(typeof managers)[0], (typeof managers)[0]];
  await outcome(clock, asks.getAccessToken());
  expect([...keys]).toEqual(['evertoken:session:pause']);
  await outcome(clock, signsIn.startSession({ access_token: 'at', expires_in: 600 }));
  await outcome(clock, signsIn.endSession());
  expect([...keys]).toEqual([]);
  for (const manager of managers) manager.dispose();
});
