import { expect, test } from 'vitest';
import { createWorld, json, MINUTE, outcome } from '../support/promise-world.js';

/** A session whose endpoint gives these answers, one after the other; the last one again and again. */
async function signedIn(...answers: readonly object[]) {
  const presented: (string | undefined)[] = [];
  const world = createWorld({
    refresh: async ({ refreshToken }) => {
      presented.push(refreshToken);
      return json(answers[Math.min(presented.length, answers.length) - 1]);
    },
  });
  await world.tokens.startSession({ access_token: 'at0', refresh_token: 'rt0', expires_in: 600 });
  await world.clock.advance(MINUTE);
  return { ...world, presented };
}

test('a 2xx with a new refresh token and nothing else of use is asked again, with the new refresh token', async () => {
  const { tokens, clock, presented } = await signedIn(
    { refresh_token: 'rt1' },
    { access_token: 'at2', refresh_token: 'rt2', expires_in: 600 },
  );
  expect(await outcome(clock, tokens.refresh())).toMatchObject({ ok: true });
  expect(await tokens.getAccessToken()).toBe('at2');
  expect(presented).toEqual(['rt0', 'rt1']);
  tokens.dispose();
});

test('who asks for new tokens is told when nothing but a refresh token comes, and another attempt is planned', async () => {
  const { tokens, clock, presented } = await signedIn({ refresh_token: 'rt1' });
  expect(await outcome(clock, tokens.refresh())).toMatchObject({ ok: false, error: { code: 'ERR_REFRESH_RESPONSE' } });
  expect(presented).toEqual(['rt0', 'rt1', 'rt1']);
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', refreshing: false });
  expect(tokens.getSnapshot().retryAt).toBeGreaterThan(clock.now());
  expect(await tokens.getAccessToken()).toBe('at0');
  tokens.dispose();
});

test.each(['refresh', 'getAccessToken', 'replaceAccessToken'] as const)(
  'a new refresh token that comes alone and too late is the one that is presented next: %s',
  async (call) => {
    const presented: (string | undefined)[] = [];
    const { tokens, clock, platform } = createWorld({
      timeoutMs: 10_000,
      retry: { attempts: 2, minDelayMs: 20_000 },
      refresh: async ({ refreshToken }) => {
        presented.push(refreshToken);
        if (presented.length > 1) return json({ access_token: 'at2', refresh_token: 'rt2', expires_in: 600 });
        await new Promise<void>((resolve) => clock.after(15_000, resolve));
        return json({ refresh_token: 'rt1', token_type: 'mac' });
      },
    });
    await tokens.startSession({ access_token: 'at0', refresh_token: 'rt0', expires_in: 600 });
    if (call === 'getAccessToken') await clock.advance(11 * MINUTE);
    const calls = {
      refresh: () => tokens.refresh(),
      getAccessToken: () => tokens.getAccessToken(),
      replaceAccessToken: () => tokens.replaceAccessToken('at0'),
    };
    await outcome<unknown>(clock, calls[call]());
    await clock.advance(2 * MINUTE);
    if (presented.length < 2) await outcome(clock, tokens.refresh());
    expect(presented).toEqual(['rt0', 'rt1']);
    expect(await tokens.getAccessToken()).toBe('at2');
    expect(JSON.parse(String(platform.storage.getItem('evertoken:session')))).toMatchObject({ refreshToken: 'rt2' });
    tokens.dispose();
  },
);

/** A session whose requests take 1 s at most; answers come later than that, with a refresh token alone, or are these. */
async function late(afterMs: number, answers: (calls: number) => object | undefined) {
  const asked: (string | undefined)[] = [];
  const world = createWorld({
    timeoutMs: 1_000,
    refresh: async ({ refreshToken }) => {
      const calls = asked.push(refreshToken);
      const answer = answers(calls);
      if (answer) return answer as Response;
      await new Promise<void>((resolve) => world.clock.after(afterMs, resolve));
      return json({ refresh_token: `late-${calls}`, expires_in: 60 });
    },
  });
  await world.tokens.startSession({ access_token: 'at0', refresh_token: 'rt0', expires_in: 600 });
  await world.clock.advance(11 * MINUTE);
  return { ...world, asked };
}

test('a new refresh token that comes late and alone ends no pause that the server has named', async () => {
  const { tokens, clock, asked } = await late(10_000, (calls) =>
    calls === 2 ? new Response('', { status: 429, headers: { 'Retry-After': '600' } }) : undefined,
  );
  await outcome(clock, tokens.getAccessToken());
  await clock.advance(5 * MINUTE);
  await outcome(clock, tokens.getAccessToken());
  expect(asked).toEqual(['rt0', 'rt0']);
  expect(tokens.getSnapshot()).toMatchObject({ retryAt: expect.any(Number) });
  await clock.advance(6 * MINUTE);
  await outcome(clock, tokens.getAccessToken());
  expect(asked[2]).toBe('late-1');
  tokens.dispose();
});

test('a server whose every answer comes late, with a refresh token alone, is asked ever more rarely', async () => {
  const { tokens, clock, asked } = await late(1_500, () => undefined);
  void outcome(clock, tokens.getAccessToken());
  await clock.advance(10 * MINUTE);
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.length).toBeLessThan(10);
  tokens.dispose();
});
