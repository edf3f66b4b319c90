import { expect, test } from 'vitest';
import { inProcess } from '../../src/index.js';
import { atOnce, createWorld, HOUR, MINUTE, outcome } from '../support/promise-world.js';

test.each([0, 400])(
  'callers of every kind, at every moment of a refresh, cost one request and get one outcome (%s ms of storage)',
  async (slow) => {
    const inner = inProcess().storage;
    for (const fails of [false, true]) {
      const world = createWorld({
        server: { delayMs: 500, answerDelayMs: 500 },
        retry: { attempts: 1 },
        parts: {
          storage: {
            getItem: (key) => later(() => inner.getItem(key)) as never,
            setItem: (key, value) => later(() => inner.setItem(key, value)),
            removeItem: (key) => later(() => inner.removeItem(key)),
          },
        },
      });
      const { clock, server, tokens } = world;
      const later = (act: () => unknown) =>
        slow ? new Promise((resolve) => clock.after(slow, () => resolve(act()))) : act();
      const first = server.signIn();
      await outcome(clock, tokens.startSession(first));
      await clock.advance(11 * MINUTE);
      if (fails) server.next({ status: 503, answerDelayMs: 500 });
      const calls: Array<Promise<string | undefined>> = [];
      for (let ms = 0; ms < 1_000 + slow * 3; ms += 50) {
        for (let index = 0; index < 20; index++) calls.push(tokens.getAccessToken());
        calls.push(tokens.replaceAccessToken(first.access_token), tokens.replaceAccessToken('unknown'));
        calls.push(tokens.getAccessToken({ minValidityMs: MINUTE }));
        for (const call of calls.slice(-23)) call.catch(() => undefined);
        await clock.advance(50);
      }
      const { value = [] } = await outcome(clock, Promise.allSettled(calls));
      expect(server.tokenRequests).toHaveLength(1);
      if (fails) {
        const reasons = value.map((one) => (one.status === 'rejected' ? one.reason : one.value));
        expect(new Set(reasons.map((one) => one.code))).toEqual(new Set(['ERR_REFRESH_UNAVAILABLE']));
        expect(new Set(reasons.map((one) => one.retryAt)).size).toBe(1);
      } else {
        expect(new Set(value.map((one) => (one.status === 'fulfilled' ? one.value : 'rejected'))).size).toBe(1);
      }
      tokens.dispose();
    }
  },
);

test('after a failure, calls inside the cool-down make no request and get the same error, and then there is one probe', async () => {
  const { clock, server, tokens } = createWorld({ retry: { attempts: 2, minDelayMs: 10_000, maxDelayMs: 40_000 } });
  await tokens.startSession(server.signIn());
  server.always({ status: 500 });
  await clock.advance(11 * MINUTE);
  for (let round = 0; round < 4; round++) {
    const before = server.tokenRequests.length;
    const { error } = await outcome(clock, tokens.getAccessToken());
    const { retryAt = 0 } = error as { retryAt?: number };
    expect(server.tokenRequests.length).toBe(before + 1);
    while (clock.now() < retryAt - 1) {
      const calls = Array.from({ length: 100 }, () => tokens.getAccessToken());
      calls.push(tokens.replaceAccessToken('x'), tokens.getAccessToken({ minValidityMs: 5 }));
      const settled = await atOnce(clock, Promise.allSettled(calls));
      if (settled === 'waits') throw new Error('waits');
      for (const one of settled.value ?? []) expect((one as PromiseRejectedResult).reason).toBe(error);
      await clock.advance(Math.min(5_000, retryAt - 1 - clock.now()));
    }
    expect(server.tokenRequests.length).toBe(before + 1);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', retryAt, error });
    await clock.advance(1);
    const crowd = await outcome(clock, Promise.allSettled(Array.from({ length: 100 }, () => tokens.getAccessToken())));
    expect(crowd.ok).toBe(true);
    expect(server.tokenRequests.length).toBe(before + 2);
    await clock.advance(HOUR);
  }
  tokens.dispose();
});

test('a token refused two generations ago is replaced by the present one, without a refresh, at once', async () => {
  const { clock, server, tokens } = createWorld();
  const first = server.signIn();
  await tokens.startSession(first);
  await tokens.refresh();
  await clock.advance(1_000);
  const second = await tokens.getAccessToken();
  await tokens.refresh();
  const third = await tokens.getAccessToken();
  for (const old of [first.access_token, second, '', 'never seen']) {
    expect(await atOnce(clock, tokens.replaceAccessToken(old))).toMatchObject({ ok: true, value: third });
  }
  expect(server.tokenRequests).toHaveLength(2);
  tokens.dispose();
});
