import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

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
  const clock = fakeClock();
  const tokens = createTokenManager({
    refresh: () => Promise.reject(error),
    platform: { ...inProcess(), clock },
    retry: { attempts: 1 },
    proactive: false,
  });
  await tokens.startSession({ access_token: 'a', expires_in: 60, refresh_token: 'r' });
  await clock.advance(60_000);
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_REFRESH_NETWORK' });
});
