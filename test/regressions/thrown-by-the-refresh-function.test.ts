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

const refuse = () => {
  throw new Error('nobody reads this');
};
const { proxy, revoke } = Proxy.revocable({}, {});
revoke();

test.each([
  ['with a getter that throws', Object.defineProperty(new Error('x'), 'response', { get: refuse })],
  ['with headers that throw', { response: { status: 503, headers: { get: refuse } } }],
  ['that nobody may look at', proxy],
])('an error %s is a failed request, and no timeout', async (_, error) => {
  const { tokens, clock } = await expired(error);
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_REFRESH_NETWORK' });
});
