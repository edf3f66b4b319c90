import { describe, expect, test } from 'vitest';
import type { SessionState } from '../../src/core/session.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import { RefreshError } from '../../src/errors.js';
import type { TokenStorage } from '../../src/index.js';
import { planAlarm, wake } from '../../src/manager/alarm.js';
import { withDeadline } from '../../src/manager/deadline.js';
import { createEngine, type Engine } from '../../src/manager/engine.js';
import { createScheduler } from '../../src/manager/scheduler.js';
import { fakeClock } from '../../src/testing.js';
import { bareEngine } from '../support/engine.js';
import { signedIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

const failing = (retryAt: number) => ({
  retryAt,
  named: false,
  error: new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 1 }),
});

const recordAt = (now: number): SessionRecord => ({
  sessionId: 'one',
  revision: 1,
  tokens: {
    accessToken: 'a',
    refreshToken: 'r',
    idToken: undefined,
    scopes: [],
    issuedAt: now,
    expiresAt: now + 600_000,
  },
  attemptId: 'first',
  unanswered: false,
  failure: undefined,
});

function engineIn(state: (now: number) => SessionState, isCookie = false): Engine & { clock: typeof clock } {
  const clock = fakeClock();
  const { settings, reactions } = bareEngine({ clock });
  const engine = createEngine({ ...settings, isCookie }, reactions);
  engine.state = state(clock.now());
  engine.dueAt = clock.now() + 1_000;
  return Object.assign(engine, { clock });
}

describe('the alarm', () => {
  const idle: [string, (now: number) => SessionState, boolean][] = [
    ['while a refresh is under way', (now) => ({ status: 'refreshing', revision: 1, record: recordAt(now) }), false],
    ['where nobody is signed in', () => ({ status: 'none', revision: 1 }), false],
    ['before the storage was read', () => ({ status: 'loading', revision: 0 }), false],
    ['before a cookie was asked about', () => ({ status: 'loading', revision: 0 }), true],
    [
      'where the storage cannot be read',
      (now) => ({ status: 'loading', revision: 0, failing: failing(now + 5) }),
      false,
    ],
  ];
  test.each(idle)('is not set %s', (_, state, isCookie) => {
    const engine = engineIn(state, isCookie);
    planAlarm(engine);
    expect(engine.clock.pending).toBe(0);
    expect(engine.scheduler).toBeUndefined();
  });

  const set: [string, (now: number) => SessionState, boolean][] = [
    ['for a session', (now) => ({ status: 'active', revision: 1, record: recordAt(now) }), false],
    ['for a cookie that failed', (now) => ({ status: 'loading', revision: 0, failing: failing(now + 1_000) }), true],
  ];
  test.each(set)('is set %s', (_, state, isCookie) => {
    const engine = engineIn(state, isCookie);
    planAlarm(engine);
    expect(engine.clock.nextAt).toBe(engine.clock.now() + 1_000);
  });

  test('takes the leave for a probe back once a refresh is under way, not before', () => {
    const engine = engineIn((now) => ({ status: 'active', revision: 1, record: recordAt(now) }));
    engine.mayProbe = true;
    planAlarm(engine);
    expect(engine.mayProbe).toBe(true);
    engine.state = { status: 'refreshing', revision: 1, record: recordAt(engine.clock.now()) };
    planAlarm(engine);
    expect(engine.mayProbe).toBe(false);
  });

  test('says why it refreshes', async () => {
    const { tokens, clock, seen, wakeups } = await signedIn({ proactive: true });
    await clock.advance(500_000);
    expect(seen('refreshStarted').map(({ reason }) => reason)).toEqual(['due']);
    wakeups.awake = false;
    await clock.advance(700_000);
    wakeups.awake = true;
    wakeups.fire();
    await clock.settle();
    expect(seen('refreshStarted').map(({ reason }) => reason)).toEqual(['due', 'expired']);
    tokens.dispose();
  });

  test('asks again about a cookie', async () => {
    const world = createWorld();
    const { tokens, events } = world.manager({
      proactive: true,
      refreshTokenIn: 'cookie',
      retry: { attempts: 1 },
      refresh: async () => new Response('', { status: 503 }),
    });
    await world.failure(tokens.getAccessToken());
    await world.clock.advance(60_000);
    const reasons = events.flatMap((event) => (event.type === 'refreshStarted' ? [event.reason] : []));
    expect(reasons.length).toBeGreaterThan(1);
    expect(new Set(reasons)).toEqual(new Set(['resume']));
    tokens.dispose();
  });
});

describe('a wake-up', () => {
  test('refreshes at the very moment it is due', async () => {
    const engine = engineIn((now) => ({ status: 'active', revision: 1, record: recordAt(now) }));
    engine.dueAt = engine.clock.now();
    wake(engine);
    await engine.clock.settle();
    expect([engine.wokeAt, engine.mayProbe]).toEqual([engine.clock.now(), true]);
  });

  test('counts although the clock was set back since the last one', async () => {
    const engine = engineIn((now) => ({ status: 'active', revision: 1, record: recordAt(now) }));
    engine.dueAt = engine.clock.now();
    engine.wokeAt = engine.clock.now() + 60_000;
    wake(engine);
    await engine.clock.settle();
    expect(engine.wokeAt).toBe(engine.clock.now());
  });

  test('lets nothing be served before the storage was read', async () => {
    const { world, tokens, wakeups, stored } = await signedIn({}, { storage: 'slow' });
    await world.run(tokens.getAccessToken());
    await world.clock.advance(100);
    stored.clear();
    wakeups.fire();
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_NO_SESSION' });
  });
});

test('a clock that is set back during a long wait does not make the moment come early', async () => {
  const clock = fakeClock();
  const ran: number[] = [];
  const scheduler = createScheduler(clock, () => ran.push(clock.now()));
  scheduler.plan(clock.now() + 7_200_000);
  clock.set(clock.now() - 3_600_000);
  await clock.advance(1_800_000);
  expect(ran).toEqual([]);
});

test('a timer that is late by one second is taken for a sleep: what came in it is heard', async () => {
  const clock = fakeClock();
  let answer: (value: string) => void = () => undefined;
  const work = () =>
    new Promise<string>((resolve) => {
      answer = resolve;
    });
  const asked = withDeadline(clock, 100, work, () => 'late');
  clock.sleep(1_100);
  await clock.runNext();
  answer('in time');
  expect(await asked).toBe('in time');
});

test('a storage that comes back from a fault is read by the next wake-up', async () => {
  const { world, tokens, wakeups, platform } = await signedIn();
  const storage = platform.storage as TokenStorage;
  const { getItem } = storage;
  storage.getItem = () => Promise.reject(new Error('locked'));
  wakeups.fire();
  await world.clock.settle();
  storage.getItem = getItem;
  wakeups.fire();
  await world.clock.settle();
  expect(tokens.getSnapshot().status).toBe('active');
});
