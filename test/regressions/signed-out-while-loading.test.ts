import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a session that was being loaded when its user signed out does not come back, not even for a moment', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const { storage } = platform;
  const open = (getItem: typeof storage.getItem): TokenManager =>
    createTokenManager({
      refresh: () => Promise.reject(new Error('not asked for')),
      platform: { ...platform, storage: { ...storage, getItem } },
      proactive: false,
    });
  await open(storage.getItem).startSession({ access_token: 'access', refresh_token: 'refresh' });
  let reads = 0;
  const tokens = open(async (key) => {
    const text = await storage.getItem(key);
    if (++reads === 1) await new Promise<void>((resolve) => clock.after(3_000, resolve)); // a cold start
    return text;
  });
  const told: string[] = [];
  tokens.on('sessionStarted', () => told.push('started'));
  tokens.subscribe(() => told.push(tokens.getSnapshot().status));
  await clock.settle();
  await tokens.endSession();
  await clock.advance(10_000);
  expect(told).toEqual(['none']);
});
