import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { type FakeClock, fakeClock } from '../../src/testing.js';

/** A manager on an expired access token, whose refresh function throws this. */
async function expired(error: unknown): Promise<{ tokens: TokenManager; clock: FakeClock }> {
  const clock = fakeClock();
  const tokens = createTokenManager({
    refresh: () => Promise.reject(error),
    platform: { ...inProcess(), clock },
    retry: { attempts: 1 },
    proactive: false,
  });
  await tokens.startSession({ access_token: 'a', expires_in: 60, refresh_token: 'r' });
  await clock.advance(60_000);
  return { tokens, clock };
}

test.each(['retry-after', 'Retry-After', 'RETRY-AFTER'])(
  'a %s among plain headers of a thrown error is a lower bound',
  async (name) => {
    const { tokens, clock } = await expired({ response: { status: 429, data: '', headers: { [name]: '1800' } } });
    const failure = { code: 'ERR_REFRESH_UNAVAILABLE', retryAt: clock.now() + 1_800_000 };
    await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject(failure);
  },
);
