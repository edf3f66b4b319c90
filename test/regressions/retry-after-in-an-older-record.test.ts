import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type RefreshTokens, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

const LIFETIME_S = 60;

test('a tab whose newer tokens could not be stored waits, too, as the server has told another tab', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, channel: { announce: () => undefined, subscribe: () => () => undefined } };
  const { storage } = platform;
  let isFull = false;
  const full = {
    ...storage,
    setItem: (key: string, value: string) => {
      if (isFull) throw new Error('full');
      return storage.setItem(key, value);
    },
  };
  let requests = 0;
  let isLimited = false;
  // this server does not rotate: both tabs hold one and the same refresh token
  const refresh: RefreshTokens = async () => {
    requests++;
    return isLimited
      ? new Response('', { status: 429, headers: { 'Retry-After': '300' } })
      : { access_token: `access-${requests}`, expires_in: LIFETIME_S };
  };
  const tab = (own: typeof storage): TokenManager =>
    createTokenManager({ refresh, platform: { ...platform, storage: own }, proactive: false, retry: { attempts: 1 } });
  const [ours, other] = [tab(full), tab(storage)];
  await ours.startSession({ access_token: 'access-0', refresh_token: 'refresh', expires_in: LIFETIME_S });
  await clock.runUntil(other.getAccessToken());

  isFull = true;
  await clock.runUntil(ours.refresh());
  isLimited = true;
  await clock.runUntil(other.refresh().catch(() => undefined));
  expect(requests).toBe(2);
  const retryAt = clock.now() + 300_000;

  await clock.advance(LIFETIME_S * 1_000);
  await expect(clock.runUntil(ours.getAccessToken())).rejects.toMatchObject({
    code: 'ERR_REFRESH_UNAVAILABLE',
    retryAt,
  });
  expect(requests).toBe(2);

  isLimited = false;
  await clock.advance(240_000);
  expect(await clock.runUntil(ours.getAccessToken())).toBe('access-3');
});
