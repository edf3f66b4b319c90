import { expect, test } from 'vitest';
import { createTokenManager, type RefreshRequest, tokenEndpoint } from '../../src/index.js';
import { peers } from '../../src/testing.js';
import { atOnce, createWorld, HOUR, json, MINUTE, outcome } from '../support/promise-world.js';
import { type Refresh, thrown } from '../support/token-answers.js';

const now = Date.UTC(2026, 0, 1) + 11 * MINUTE;
const forms: Array<[string, number]> = [
  ['0', 0],
  ['2', 2_000],
  ['30', 30_000],
  ['3600', HOUR],
  ['3601', HOUR],
  ['999999999999999999999', HOUR],
  ['-1', 0],
  ['1.5', 0],
  ['', 0],
  ['soon', 0],
  ['NaN', 0],
  ['Infinity', 0],
  ['1e3', 0],
  ['0x10', 0],
  [' 7 ', 7_000],
  ['7, 9', 0],
  [new Date(now + 20_000).toUTCString(), 20_000],
  [new Date(now - 20_000).toUTCString(), 0],
  [new Date(now + 30 * 24 * HOUR).toUTCString(), HOUR],
  ['Thu, 99 Foo 2026 00:00:00 GMT', 0],
];
test.each(forms)('Retry-After %s: never earlier, at most an hour, whatever carries it', async (value, atLeast) => {
  const carriers: Refresh[] = [
    () => json({}, 503, { 'Retry-After': value }),
    () => json({}, 429, { 'Retry-After': value }),
    () => {
      throw thrown({ response: { status: 503, data: '', headers: { 'retry-after': value } } });
    },
    () => {
      throw thrown({
        response: {
          status: 503,
          data: '',
          headers: { get: (name: string) => (/^retry-after$/i.test(name) ? value : undefined) },
        },
      });
    },
    () => {
      throw thrown({ response: json({}, 503, { 'Retry-After': value }) });
    },
  ];
  for (const [index, refresh] of carriers.entries()) {
    const sent: number[] = [];
    const { clock, server, tokens } = createWorld({
      proactive: true,
      parts: { random: () => 0 },
      refresh: ((request: RefreshRequest) => {
        sent.push(clock.now());
        return refresh(request, async () => undefined);
      }) as never,
    });
    await tokens.startSession(server.signIn());
    clock.sleep(11 * MINUTE);
    const got = await outcome(clock, tokens.getAccessToken());
    expect(got.ok).toBe(false);
    const { retryAt } = got.error as { retryAt: number };
    expect(retryAt - clock.now(), `carrier ${index}`).toBeGreaterThanOrEqual(atLeast);
    expect(retryAt - clock.now()).toBeLessThanOrEqual(Math.max(atLeast, MINUTE));
    if (atLeast > 5_000) expect(got.afterMs).toBe(0);
    // explicit refreshes and wake-ups stay behind the moment that the server named
    for (let step = 0; step < 20 && atLeast > 0; step++) {
      await clock.advance(Math.max(1, Math.floor(atLeast / 25)));
      await atOnce(
        clock,
        tokens.refresh().catch(() => undefined),
      );
    }
    await clock.advance(atLeast + MINUTE);
    for (let at = 1; at < (/GMT/.test(value) ? 2 : sent.length); at++) {
      expect((sent[at] ?? 0) - (sent[at - 1] ?? 0), `request ${at}, carrier ${index}`).toBeGreaterThanOrEqual(atLeast);
    }
    tokens.dispose();
  }
});

test('ten minutes of failures with an expired token are a bounded number of attempts, whatever callers and wake-ups do', async () => {
  for (const online of [true, false]) {
    const [peer] = peers(1);
    const { clock, server, tokens } = createWorld({
      proactive: true,
      parts: { wakeups: peer.platform.wakeups },
      server: {},
    });
    await tokens.startSession(server.signIn());
    clock.sleep(11 * MINUTE);
    server.always({ drop: true });
    if (!online) peer.setOnline(false);
    for (let second = 0; second < 600; second += 10) {
      const calls = Array.from({ length: 5 }, () => tokens.getAccessToken());
      for (const call of calls) call.catch(() => undefined);
      await clock.advance(10_000);
    }
    expect(server.tokenRequests.length).toBeLessThan(30);
    expect(tokens.getSnapshot().status).toBe('active');
    server.always(undefined);
    peer.setOnline(true);
    peer.wake();
    await clock.advance(0);
    expect((await outcome(clock, tokens.getAccessToken())).ok, `online ${online}`).toBe(true);
    expect(server.counts.refreshesGranted).toBe(1);
    tokens.dispose();
  }
});

test('offline there is one attempt and no retry', async () => {
  const [peer] = peers(1);
  const { clock, server, tokens } = createWorld({ parts: { wakeups: peer.platform.wakeups } });
  await tokens.startSession(server.signIn());
  await clock.advance(11 * MINUTE);
  server.always({ drop: true });
  peer.setOnline(false);
  expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: false, afterMs: 0 });
  await clock.advance(400);
  expect(server.tokenRequests).toHaveLength(1);
  // C4: back online probes early, once; a second wake-up within 5 s does not
  peer.setOnline(true);
  await clock.settle();
  await atOnce(
    clock,
    tokens.getAccessToken().catch(() => undefined),
  );
  expect(server.tokenRequests).toHaveLength(2);
  for (let index = 0; index < 10; index++) {
    peer.wake();
    await atOnce(
      clock,
      tokens.getAccessToken().catch(() => undefined),
    );
  }
  expect(server.tokenRequests).toHaveLength(2);
  tokens.dispose();
});

test('every attempt takes the lock anew, and nobody holds it in the delays', async () => {
  let holders = 0;
  const held: number[] = [];
  const world = createWorld({ proactive: true, retry: { attempts: 3, minDelayMs: 1_000, maxDelayMs: 4_000 } });
  world.tokens.dispose();
  const { lock } = world.platform;
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: world.server.tokenUrl, clientId: 'app', fetch: world.server.fetch }),
    platform: {
      ...world.platform,
      lock: {
        run: (key, signal, task, options) =>
          lock.run(
            key,
            signal,
            async (lease) => {
              holders++;
              const at = world.clock.now();
              try {
                return await task(lease);
              } finally {
                holders--;
                held.push(world.clock.now() - at);
              }
            },
            options,
          ),
      },
    },
    proactive: false,
    retry: { attempts: 3, minDelayMs: 1_000, maxDelayMs: 4_000 },
  });
  await tokens.startSession(world.server.signIn());
  await world.clock.advance(11 * MINUTE);
  world.server.always({ status: 503 });
  held.length = 0;
  await outcome(world.clock, tokens.getAccessToken());
  expect(holders).toBe(0);
  expect(held).toEqual([0, 0, 0]);
  tokens.dispose();
});
