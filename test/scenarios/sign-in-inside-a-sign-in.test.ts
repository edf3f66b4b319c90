import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a listener that signs in while a sign-in by cookie lets go of a request wins, and nobody waits for it afterwards', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  let asked = 0;
  const tokens = createTokenManager({
    refreshTokenIn: 'cookie',
    proactive: false,
    refresh: async () => {
      const number = ++asked;
      await new Promise<void>((done) => clock.after(100, done));
      return Response.json({ access_token: `at-${number}`, expires_in: 600 });
    },
    platform,
  });
  void tokens.getAccessToken().catch(() => undefined);
  await clock.advance(50);
  let inner: Promise<unknown> | undefined;
  tokens.on('refreshFailed', () => {
    inner ??= tokens.startSession().then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
  });
  const outer = tokens.startSession().then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  await clock.runUntil(Promise.all([outer, inner]));
  const before = clock.now();
  await clock.runUntil(tokens.refresh());
  expect(clock.now() - before).toBeLessThan(1_000);
});
