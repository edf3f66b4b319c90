import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { atOnce, createWorld, HOUR, outcome } from '../support/promise-world.js';

test.each([0.001, 0.1, 1, 2, 5])(
  'a token of %s s, whose answer took longer, serves everybody who waited, once',
  async (seconds) => {
    let requests = 0;
    const { clock, tokens } = createWorld({
      refresh: async () => {
        const id = ++requests;
        await new Promise<void>((resolve) => clock.after(6_000, resolve));
        return { access_token: `a${id}`, token_type: 'Bearer', expires_in: seconds, refresh_token: `r${id}` };
      },
    });
    await tokens.startSession({ access_token: 'a0', token_type: 'Bearer', expires_in: seconds, refresh_token: 'r0' });
    expect(await atOnce(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: 'a0' });
    await clock.advance(10_000);
    requests = 0;
    const all = await outcome(clock, Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken())));
    expect(all).toMatchObject({ ok: true, afterMs: 6_000 });
    expect(requests).toBe(1);
    tokens.dispose();
  },
);

test.each([1, 4, 60, 600, 3600, 86_400])(
  'the due moment of a token of %s s lies between half its life and a fifth before its end',
  async (seconds) => {
    for (const random of [0, 0.25, 0.5, 0.999999]) {
      const sent: number[] = [];
      const { clock, tokens } = createWorld({
        proactive: true,
        parts: { random: () => random },
        refresh: async () => {
          sent.push(clock.now());
          return { access_token: 'b', token_type: 'Bearer', refresh_token: 'r1' };
        },
      });
      const startAt = clock.now();
      await tokens.startSession({ access_token: 'a', token_type: 'Bearer', expires_in: seconds, refresh_token: 'r' });
      await clock.advance(seconds * 1000);
      const leewayMs = Math.min(seconds * 200, 300_000);
      const due = startAt + seconds * 1000 - leewayMs * (1 + random / 2);
      expect(sent).toHaveLength(1);
      expect(sent[0]).toBeGreaterThanOrEqual(Math.floor(Math.min(due, startAt + seconds * 1000 - leewayMs * 1.5)));
      expect(sent[0]).toBeLessThanOrEqual(Math.ceil(startAt + seconds * 1000 - leewayMs));
      tokens.dispose();
    }
  },
);

test.each([25, 30, 365, 3649, 4000])(
  'a token that lives %s days overflows nothing and is refreshed once',
  async (days) => {
    const lifetimeMs = days * 24 * HOUR;
    const delays: number[] = [];
    let requests = 0;
    const clock = fakeClock();
    const tokens = createTokenManager({
      proactive: true,
      refresh: async () => {
        requests++;
        return { access_token: 'b', token_type: 'Bearer', refresh_token: 'r1' };
      },
      platform: {
        ...inProcess(),
        clock: {
          now: () => clock.now(),
          after: (ms, task, options) => {
            delays.push(ms);
            return clock.after(ms, task, options);
          },
        },
      },
    });
    await tokens.startSession({
      access_token: 'a',
      token_type: 'Bearer',
      expires_in: lifetimeMs / 1000,
      refresh_token: 'r',
    });
    await clock.advance(lifetimeMs - 3 * HOUR);
    expect(requests).toBe(0);
    expect(await tokens.getAccessToken()).toBe('a');
    await clock.advance(4 * HOUR);
    expect(requests).toBe(days > 3650 ? 0 : 1);
    expect(delays.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(2_147_483_647);
    expect(delays.reduce((a, b) => Math.min(a, b))).toBeGreaterThanOrEqual(0);
    expect(delays.length).toBeLessThan(days * 48 + 50);
    tokens.dispose();
    expect(clock.pending).toBe(0);
  },
);
