import { expect, test } from 'vitest';
import type { AnyTokenError } from '../../src/index.js';
import { createWorld, HOUR, json, MINUTE, outcome } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';

/** Asks for an expired token every ten seconds for a day; when the server was asked, and what callers were told last. */
async function aDay(status: number, error: string, refreshTokenIn: 'response' | 'cookie' = 'response') {
  const askedAt: number[] = [];
  const world = createWorld({
    refreshTokenIn,
    refresh: async () => {
      askedAt.push(world.clock.now());
      return json({ error }, status);
    },
  });
  const { tokens, clock } = world;
  const startedAt = clock.now();
  if (refreshTokenIn === 'response') {
    await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 1 });
    await clock.advance(1_000);
  }
  let told: AnyTokenError | undefined;
  while (clock.now() < startedAt + 24 * HOUR) {
    told = (await outcome(clock, tokens.getAccessToken())).error as AnyTokenError;
    await clock.advance(10_000);
  }
  return { ...world, told, askedAt };
}

for (const refreshTokenIn of ['response', 'cookie'] as const) {
  test.each([
    [400, 'something_odd', 'ERR_REFRESH_UNAVAILABLE'],
    [400, 'invalid_client', 'ERR_REFRESH_CONFIG'],
  ])(
    `the pause after the same refusal grows to an hour, refresh token in the ${refreshTokenIn}: %i %s`,
    async (status, error, code) => {
      const { tokens, told, askedAt } = await aDay(status, error, refreshTokenIn);
      const pauses = askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0));
      expect(askedAt.length).toBeLessThan(60);
      expect(pauses.at(-1)).toBeGreaterThan(45 * MINUTE);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(HOUR + 10_000);
      expect(told).toMatchObject({ code, status, oauthError: error });
      expect(told?.message).toEqual(sentence(/at last once an hour/, new RegExp(`${status}, ${error} \\d+ \\d+\\.?`)));
      const advice = 'say so with endsSession.';
      if (error === 'something_odd') expect(told?.message).toEqual(sentence(advice, /.*/));
      else expect(told?.message).not.toContain('endsSession');
      expect(tokens.getSnapshot().status).toBe(refreshTokenIn === 'cookie' ? 'loading' : 'active');
      tokens.dispose();
    },
  );
}

test('whoever mends the matter is heard at the next probe, and refresh() probes at once', async () => {
  let isMended = false;
  const world = createWorld({
    refresh: async () => (isMended ? { access_token: 'at1', expires_in: 600 } : json({ error: 'odd' }, 400)),
  });
  const { tokens, clock } = world;
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 1 });
  for (let minute = 0; minute < 120; minute++) {
    await clock.advance(MINUTE);
    await outcome(clock, tokens.getAccessToken());
  }
  expect((tokens.getSnapshot().retryAt ?? 0) - clock.now()).toBeGreaterThan(5 * MINUTE);
  isMended = true;
  expect(await outcome(clock, tokens.refresh())).toMatchObject({ ok: true });
  expect(await tokens.getAccessToken()).toBe('at1');
  tokens.dispose();
});

test('failures that pass by themselves are asked about as often as before, however long they last', async () => {
  const { askedAt, told, tokens } = await aDay(503, 'down');
  expect(askedAt.length).toBeGreaterThan(1_000);
  expect(told?.message).not.toMatch(/hour/);
  tokens.dispose();
});
