import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a sign-in by cookie that failed for a lock sends no request of its own accord, where work ends with the answer', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, background: false };
  let asked = 0;
  let release: (() => void) | undefined;
  void platform.lock.run(
    'evertoken:session',
    new AbortController().signal,
    () =>
      new Promise<void>((done) => {
        release = done;
      }),
    { holdMs: 600_000 },
  );
  const tokens = createTokenManager({
    refreshTokenIn: 'cookie',
    proactive: false,
    refresh: async () => Response.json({ access_token: `at-${++asked}`, expires_in: 600 }),
    platform,
  });
  const code = await clock.runUntil(tokens.startSession().catch((error: { code: string }) => error.code));
  expect(code).toBe('ERR_LOCK_TIMEOUT');
  release?.();
  await clock.advance(60_000);
  expect(asked).toBe(0);
});
