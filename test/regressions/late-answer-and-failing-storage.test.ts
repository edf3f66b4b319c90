import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('an answer that comes late while the storage fails is stored when that recovers, and does not ask it over and over', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const { storage } = platform;
  let reads = 0;
  let isDown = false;
  const failing = {
    ...storage,
    getItem: async (key: string) => {
      reads++;
      if (isDown) throw new Error('down');
      return storage.getItem(key);
    },
  };
  const tokens = createTokenManager({
    refresh: async () => {
      await new Promise<void>((resolve) => clock.after(20_000, resolve)); // twice as long as anybody waits
      return { access_token: 'access-late', refresh_token: 'refresh-late', expires_in: 3_600 };
    },
    platform: { ...platform, storage: failing },
    proactive: false,
    retry: { attempts: 1 },
  });
  await tokens.startSession({ access_token: 'access-0', refresh_token: 'refresh-0', expires_in: 3_600 });
  await expect(clock.runUntil(tokens.refresh())).rejects.toMatchObject({ code: 'ERR_REFRESH_TIMEOUT' });

  isDown = true;
  reads = 0;
  await clock.advance(60_000); // the answer has come
  expect(reads).toBeGreaterThan(0);
  expect(reads).toBeLessThan(40);

  isDown = false;
  await clock.advance(120_000);
  expect(storage.getItem('evertoken:session')).toContain('refresh-late');
  tokens.dispose();
  expect(clock.pending).toBe(0);
});
