import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type RefreshRequest } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a refresh function that calls refresh() with its signal during a sign-in by cookie does not freeze the process', async () => {
  const clock = fakeClock();
  const platform = inProcess();
  let turns = 0;
  let user: string | undefined;
  let inner: Promise<unknown> | undefined;
  const tokens = createTokenManager({
    refreshTokenIn: 'cookie',
    proactive: false,
    refresh: async (request: RefreshRequest) => {
      if (user === undefined) return new Response(null, { status: 401 });
      await Promise.resolve();
      inner = tokens.refresh({ signal: request.signal }).then(
        () => 'done',
        (error: { code?: string }) => error.code ?? String(error),
      );
      await new Promise<void>((done) => clock.after(100, done));
      return Response.json({ access_token: user, expires_in: 600 });
    },
    platform: {
      ...platform,
      // the way out of the loop of microtasks: it looks at the clock in every round
      clock: {
        ...clock,
        now: () => {
          if (user !== undefined && ++turns > 20_000) throw new Error('endless');
          return clock.now();
        },
      },
    },
  });
  await clock.runUntil(tokens.ready());
  expect(tokens.getSnapshot().status).toBe('none');
  user = 'alice';
  const starting = tokens.startSession().catch((error: unknown) => error);
  await clock.runUntil(starting).catch(() => undefined);
  expect(turns, 'looks at the clock').toBeLessThan(1_000);
  expect(await clock.runUntil(inner as Promise<unknown>)).not.toContain('endless');
});
