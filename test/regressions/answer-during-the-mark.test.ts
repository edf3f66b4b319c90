import { expect, test, vi } from 'vitest';
import { createTokenManager, inProcess, type RefreshRequest, type TokenResponse } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a late answer that comes while the next attempt is being noted down is kept, and nobody asks again', async () => {
  const clock = fakeClock();
  const { storage, ...others } = inProcess();
  const later = (delayMs: number) => new Promise<void>((resolve) => clock.after(delayMs, resolve));
  const slow = {
    ...storage,
    setItem: async (key: string, value: string) => {
      await later(100);
      await storage.setItem(key, value);
    },
  };
  const refresh = vi.fn(async ({ attempt }: RefreshRequest): Promise<TokenResponse> => {
    await later(1_450);
    return { access_token: `from-attempt-${attempt}`, refresh_token: 'rotated', expires_in: 60 };
  });
  const tokens = createTokenManager({
    refresh,
    timeoutMs: 1_000,
    proactive: false,
    platform: { ...others, storage: slow, clock, random: () => 0 },
  });
  const starting = tokens.startSession({ access_token: 'first', refresh_token: 'one-time', expires_in: 60 });
  await clock.advance(200);
  await starting;
  await clock.advance(61_000);

  // asked at 100 ms, given up at 1 000, tried again at 1 500 and noted down until 1 600; the answer comes at 1 550
  const token = tokens.getAccessToken();
  await clock.advance(1_700);

  await expect(token).resolves.toBe('from-attempt-1');
  expect(refresh).toHaveBeenCalledTimes(1);
  tokens.dispose();
});
