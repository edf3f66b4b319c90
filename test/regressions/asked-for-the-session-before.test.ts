import { expect, test } from 'vitest';
import { createTokenManager, type TokenResponse } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

test('who asked as one user, and waits for a better token where work ends with the answer, is given none of the next user', async () => {
  const clock = fakeClock(Date.UTC(2026, 5, 1, 12));
  const [peer] = peers(1, { clock });
  const tokens = createTokenManager({
    platform: { ...peer.platform, background: false },
    proactive: false,
    leewayMs: 10_000,
    refresh: () => new Promise<TokenResponse>(() => undefined),
  });
  const session = (user: string) => ({ access_token: `of-${user}`, refresh_token: `r-${user}`, expires_in: 60 });
  const started = tokens.startSession(session('ada'));
  await clock.advance(10);
  await started;
  // usable for another second, and due
  await clock.advance(59_000);
  const asked = tokens.getAccessToken().catch((error) => error);
  await clock.advance(100);
  // the storage takes its time, and the token expires before the next session is stored
  peer.storageFault = (operation) => (operation === 'setItem' ? { delayMs: 4_000 } : undefined);
  const next = tokens.startSession(session('bob'));
  await clock.advance(10_000);
  await next;
  expect(await asked).toMatchObject({ name: 'SessionError', code: 'ERR_NO_SESSION' });
  expect(await tokens.getAccessToken()).toBe('of-bob');
});
