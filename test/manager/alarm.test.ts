import { describe, expect, test } from 'vitest';
import type { SessionRecord } from '../../src/core/session-record.js';
import { RefreshError } from '../../src/errors.js';
import type { TokenStorage } from '../../src/index.js';
import { withDeadline } from '../../src/manager/deadline.js';
import type { Manager } from '../../src/manager/manager.js';
import { createScheduler } from '../../src/manager/scheduler.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold } from '../support/bare-manager.js';
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

type Facts = (manager: Manager, now: number) => void;

const isHeld: Facts = (manager, now) => hold(manager, recordAt(now));
const isRefreshing: Facts = (manager, now) => {
  hold(manager, recordAt(now));
  manager.session.dispatch({ type: 'attempted', reason: 'due', attempt: 1 });
};
const isNone: Facts = ({ session }) => session.dispatch({ type: 'found', record: undefined, wasStored: false });
const isUnread: Facts = () => undefined;
const hasFailed =
  (afterMs: number): Facts =>
  ({ session }, now) =>
    session.dispatch({
      type: 'failed',
      base: undefined,
      record: undefined,
      failing: failing(now + afterMs),
      again: false,
    });

/** The alarm of a manager of which these facts are known, on a page that is seen or not, and the refreshes it starts. */
function alarmAfter(facts: Facts, { isCookie = false, isAwake = true } = {}) {
  const clock = fakeClock();
  const refreshes: number[] = [];
  const wakeups = { subscribe: () => () => undefined, isAwake: () => isAwake, isOnline: () => true };
  const manager = bareManager(
    { clock, wakeups },
    {},
    async () => {
      refreshes.push(clock.now());
      return new Response('', { status: 503 });
    },
    { retry: { attempts: 1 }, ...(isCookie && { refreshTokenIn: 'cookie' }) },
  );
  facts(manager, clock.now());
  return { clock, manager, alarm: manager.alarm, refreshes };
}

describe('the alarm', () => {
  const idle: [string, Facts, boolean][] = [
    ['while a refresh is under way', isRefreshing, false],
    ['where nobody is signed in', isNone, false],
    ['before the storage was read', isUnread, false],
    ['before a cookie was asked about', isUnread, true],
    ['where the storage cannot be read', hasFailed(5), false],
  ];
  test.each(idle)('is not set %s', (_, facts, isCookie) => {
    const { clock, alarm } = alarmAfter(facts, { isCookie });
    alarm.plan(clock.now() + 1_000);
    expect(clock.pending).toBe(0);
  });

  const set: [string, Facts, boolean][] = [
    ['for a session', isHeld, false],
    ['for a cookie that failed', hasFailed(1_000), true],
  ];
  test.each(set)('is set %s', (_, facts, isCookie) => {
    const { clock, alarm } = alarmAfter(facts, { isCookie });
    alarm.plan(clock.now() + 1_000);
    expect(clock.nextAt).toBe(clock.now() + 1_000);
  });

  test('takes the leave for a probe back once a refresh is under way, not before', async () => {
    const { clock, manager, alarm } = alarmAfter(isHeld, { isAwake: false });
    expect(alarm.isProbeAllowed).toBe(false);
    alarm.plan(clock.now());
    await alarm.wake();
    expect(alarm.isProbeAllowed).toBe(true);
    alarm.plan(clock.now());
    expect(alarm.isProbeAllowed).toBe(true);
    manager.session.dispatch({ type: 'attempted', reason: 'due', attempt: 1 });
    alarm.plan(clock.now());
    expect(alarm.isProbeAllowed).toBe(false);
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
    const { clock, alarm, refreshes } = alarmAfter(isHeld);
    const from = clock.now();
    alarm.plan(from + 1_000);
    clock.set(from + 999);
    await alarm.wake();
    await clock.settle();
    expect([alarm.isProbeAllowed, refreshes]).toEqual([false, []]);
    clock.set(from + 1_000);
    await alarm.wake();
    await clock.settle();
    expect([alarm.isProbeAllowed, refreshes]).toEqual([true, [from + 1_000]]);
  });

  test('counts although the clock was set back since the last one', async () => {
    const { clock, alarm, refreshes } = alarmAfter(isHeld);
    const from = clock.now();
    const wakeAt = async (at: number) => {
      clock.set(at);
      await alarm.wake();
      await clock.settle();
    };
    alarm.plan(from);
    await wakeAt(from + 60_000);
    await wakeAt(from + 64_999);
    expect(refreshes).toEqual([from + 60_000]);
    await wakeAt(from);
    expect(refreshes).toEqual([from + 60_000, from]);
    await wakeAt(from + 5_000);
    expect(refreshes).toEqual([from + 60_000, from, from + 5_000]);
  });

  test.each([
    ['names no pause', false, 5_000, true],
    ['names one that is not over', true, 5_000, false],
    ['names one that is over', true, 0, true],
  ])('lets one probe through where refreshing fails and the server %s', async (_, isNamed, pauseMs, isAllowed) => {
    const { clock, manager, alarm } = alarmAfter(isHeld, { isAwake: false });
    const { record: base } = manager.session;
    const paused = { ...failing(clock.now() + pauseMs), named: isNamed };
    manager.session.dispatch({ type: 'failed', base, record: undefined, failing: paused, again: false });
    await alarm.wake();
    expect(alarm.isProbeAllowed).toBe(isAllowed);
  });

  test('lets no probe through where nobody is signed in', async () => {
    const { alarm, refreshes } = alarmAfter(isNone);
    await alarm.wake();
    expect([alarm.isProbeAllowed, refreshes]).toEqual([false, []]);
  });

  test('lets no second probe through in the same millisecond', async () => {
    const { clock, manager, alarm } = alarmAfter(isHeld, { isAwake: false });
    alarm.plan(clock.now());
    await alarm.wake();
    manager.session.dispatch({ type: 'attempted', reason: 'due', attempt: 1 });
    alarm.plan(clock.now());
    await alarm.wake();
    expect(alarm.isProbeAllowed).toBe(false);
  });

  test('is without effect after the end, also one that came before it; no timer is left', async () => {
    const { clock, alarm, manager, refreshes } = alarmAfter(isHeld);
    manager.reconciler.dispose(); // which would store the session that only memory holds
    alarm.plan(clock.now() + 1_000);
    clock.set(clock.now() + 1_000);
    const waking = alarm.wake();
    alarm.dispose();
    await waking;
    expect(clock.pending).toBe(0);
    await clock.settle();
    expect([alarm.isProbeAllowed, refreshes]).toEqual([false, []]);
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

test('a clock that is set back during a short wait does not put off what its own time has come for', async () => {
  const clock = fakeClock();
  const ran: number[] = [];
  const scheduler = createScheduler(clock, () => ran.push(clock.now()));
  const at = clock.now() + 1_000;
  scheduler.plan(at);
  clock.set(clock.now() - 3_600_000);
  await clock.advance(999);
  expect(ran).toEqual([]);
  await clock.advance(1);
  expect(ran).toEqual([at - 3_600_000]);
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
