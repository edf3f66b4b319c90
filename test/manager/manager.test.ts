import { describe, expect, test } from 'vitest';
import type { SessionRecord } from '../../src/core/session-record.js';
import { OptionsError, RefreshError, StorageError } from '../../src/errors.js';
import { inProcess, type Platform, type TokenManagerOptions } from '../../src/index.js';
import { Manager } from '../../src/manager/manager.js';
import { readOptions } from '../../src/manager/options.js';
import type { Watcher } from '../../src/manager/watcher.js';
import { fakeClock } from '../../src/testing.js';
import { hold, wasStored } from '../support/bare-manager.js';
import { consoleCalls } from '../support/console-calls.js';
import { recordWith } from '../support/session-records.js';

const DISPOSED = 'Expected a manager in use, but dispose() was called: create another one.';
const LIFETIME_MS = 600_000;
const ignored: Watcher = {
  event: () => undefined,
  wait: () => undefined,
  settled: () => undefined,
  disposed: () => undefined,
};

/** The whole manager, and what it does to the world; the test answers for the server. */
function whole(options: Partial<TokenManagerOptions> = {}, platform: Partial<Platform> = {}) {
  const clock = fakeClock();
  const did: string[] = [];
  const heard: { peer?: () => void; wakeup?: () => void } = {};
  const answers: ((answer: unknown) => void)[] = [];
  const items = new Map<string, string>();
  const manager = new Manager(
    readOptions(
      {
        refresh: () => new Promise<never>((resolve) => answers.push(resolve as never)),
        proactive: false,
        retry: { attempts: 1 },
        platform: {
          ...inProcess(),
          clock,
          random: () => 0,
          storage: {
            getItem: (key) => {
              did.push('read');
              return items.get(key) ?? null;
            },
            setItem: (key, value) => void items.set(key, value),
            removeItem: (key) => void items.delete(key),
          },
          channel: {
            announce: () => void did.push('announce'),
            subscribe: (_, listener) => {
              did.push('listen to peers');
              heard.peer = listener;
              return () => void did.push('hang up on peers');
            },
          },
          wakeups: {
            subscribe: (listener) => {
              did.push('listen to wake-ups');
              heard.wakeup = listener;
              return () => void did.push('hang up on wake-ups');
            },
            isAwake: () => true,
            isOnline: () => true,
          },
          ...platform,
        },
        ...options,
      },
      inProcess,
    ),
  );
  const events: [string, string | undefined, number][] = [];
  manager.watch({ ...ignored, event: ({ type, sessionId }, at) => void events.push([type, sessionId, at]) });
  const record = (more: Partial<SessionRecord> = {}, tokens: Partial<SessionRecord['tokens']> = {}) =>
    recordWith(more, { issuedAt: clock.now(), expiresAt: clock.now() + LIFETIME_MS, ...tokens });
  /** The access token, or the error, that whoever waits for a refresh got. */
  const caller = () => {
    const seen: { token?: string; code?: string } = {};
    manager.callers.wait(undefined).then(
      ({ tokens }) => Object.assign(seen, { token: tokens.accessToken }),
      ({ code }) => Object.assign(seen, { code }),
    );
    return seen;
  };
  const find = (found: SessionRecord | undefined) =>
    manager.session.dispatch({ type: 'found', record: found, wasStored: false });
  const started = () => events.filter(([type]) => type === 'refreshStarted').length;
  return { clock, manager, did, heard, answers, items, events, record, caller, find, started };
}

const failing = (at: number) => ({
  error: new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 1 }),
  retryAt: at,
  named: false,
});

describe('when the session changes', () => {
  test('whoever waits for one is served with the one that is found', async () => {
    const { clock, record, caller, find, started } = whole();
    const seen = caller();
    find(record());
    await clock.settle();
    expect([seen, started()]).toEqual([{ token: 'old-access-token-1' }, 0]);
  });

  test('and it has expired, it is refreshed for whoever waits, and for nobody else', async () => {
    for (const isAwaited of [true, false]) {
      const { clock, record, caller, find, started } = whole();
      const seen = isAwaited && caller();
      find(record({}, { expiresAt: clock.now() }));
      await clock.settle();
      expect([seen, started()]).toEqual(isAwaited ? [{}, 1] : [false, 0]);
    }
  });

  test.each([
    ['cookie', true, 1],
    ['cookie', false, 0],
    ['response', true, 0],
  ] as const)(
    'and it has expired, it is refreshed where a question about a cookie has failed: %s, %s',
    async (refreshTokenIn, hasFailed, refreshes) => {
      const { clock, manager, record, find, started } = whole({ refreshTokenIn });
      if (hasFailed) {
        const failure = failing(clock.now());
        manager.session.dispatch({
          type: 'failed',
          base: undefined,
          record: undefined,
          failing: failure,
          again: false,
        });
      }
      find(record({}, { expiresAt: clock.now() }));
      await clock.settle();
      expect(started()).toBe(refreshes);
    },
  );

  test('a session that is held already serves nobody anew, and starts no refresh', async () => {
    const { clock, manager, record, caller, find, started } = whole();
    const held = record();
    hold(manager, held);
    const seen = caller();
    find({ ...held, revision: held.revision + 1 });
    manager.session.dispatch({ type: 'ended', reason: 'ended' });
    await clock.settle();
    expect([seen, started()]).toEqual([{ code: 'ERR_NO_SESSION' }, 0]);
  });

  test('to one that follows "nobody is signed in" and has expired, no refresh starts', async () => {
    const { clock, manager, record, caller, find, started } = whole();
    manager.session.dispatch({ type: 'ended', reason: 'ended' });
    const seen = caller();
    find(record({ revision: 9 }, { expiresAt: clock.now() }));
    await clock.settle();
    expect([seen, started()]).toEqual([{}, 0]);
  });

  test('a refresh is let go of where its session is over, and not where that goes on', async () => {
    const { clock, manager, record, find } = whole();
    const held = record({}, { expiresAt: clock.now() });
    hold(manager, held);
    manager.refresher.start('due');
    await clock.settle();
    find({ ...held, failure: undefined, revision: held.revision + 1 });
    expect(manager.refresher.isRunning).toBe(true);
    find(record({ sessionId: 'other', revision: 9 }));
    expect(manager.refresher.isRunning).toBe(false);
  });

  test('the first session lets no question about a cookie go', async () => {
    const { clock, manager, record, find } = whole({ refreshTokenIn: 'cookie' });
    manager.refresher.start('resume');
    await clock.settle();
    find(record());
    expect(manager.refresher.isRunning).toBe(true);
  });

  test('a question about a cookie goes on, where the session before it turns out to be over', async () => {
    const { clock, manager, record, find } = whole({ refreshTokenIn: 'cookie' });
    hold(manager, record());
    manager.refresher.signIn('resume').catch(() => undefined);
    await clock.settle();
    expect(manager.refresher.isRunning).toBe(true);
    find(record({ sessionId: 'other', revision: 9 }));
    expect(manager.session.record?.sessionId).toBe('other');
    expect(manager.refresher.isRunning).toBe(true);
  });

  test('the alarm is set for the moment when its access token is due', () => {
    const { clock, manager, record } = whole({ proactive: true, leewayMs: 60_000 });
    hold(manager, record());
    expect(clock.nextAt).toBe(clock.now() + LIFETIME_MS - 60_000);
  });

  test('those who show it are told', () => {
    const { manager, record } = whole();
    let changes = 0;
    manager.emitter.onChange(() => changes++);
    hold(manager, record());
    expect(changes).toBe(1);
  });

  test('after the end, nobody is told and no timer is set', () => {
    const { clock, manager, record } = whole({ proactive: true });
    const seen: string[] = [];
    manager.dispose();
    manager.emitter.onChange(() => seen.push('changed'));
    hold(manager, record());
    expect([seen, clock.pending]).toEqual([[], 0]);
  });
});

describe('what follows is carried out', () => {
  test('peers hear of it, callers are refused, listeners and watchers get the event of this moment', async () => {
    const { clock, manager, did, caller, record, events } = whole();
    const seen = caller();
    manager.carryOut({ type: 'announce' });
    expect(did).toEqual(['announce']);
    manager.carryOut({ type: 'refuse', error: new OptionsError('ERR_OPTIONS', 'no') });
    await clock.settle();
    expect(seen).toEqual({ code: 'ERR_OPTIONS' });
    const told: unknown[] = [];
    manager.emitter.on('sessionStarted', (event) => told.push(event));
    hold(manager, record());
    expect(told).toEqual([{ at: clock.now(), sessionId: 's1', from: 'sign-in' }]);
    expect(events).toEqual([['sessionStarted', 's1', clock.now()]]);
    expect(did).toEqual(['announce', 'announce']);
  });

  test('a fault of the storage is told with the session, where there is one', () => {
    const { manager, record } = whole();
    const told: unknown[] = [];
    manager.emitter.on('storageFailed', ({ at, ...event }) => told.push(event));
    const error = new StorageError('ERR_STORAGE_READ', 'no');
    manager.storageFailed('read', error);
    hold(manager, record());
    manager.storageFailed('write', error);
    expect(told).toEqual([
      { sessionId: undefined, operation: 'read', error },
      { sessionId: 's1', operation: 'write', error },
    ]);
  });

  test('a record that was stored late is told to peers, and looked at once more', async () => {
    const { clock, manager, did, record } = whole();
    hold(manager, record());
    did.length = 0;
    manager.storedLate();
    expect(did).toEqual(['announce']);
    await clock.advance(60_000);
    expect(did).toContain('read');
  });

  test('callers who have waited for too long get another refresh, or another question about the cookie', async () => {
    for (const hasSession of [true, false]) {
      const { clock, manager, record } = whole({ refreshTokenIn: 'cookie' });
      const reasons: string[] = [];
      manager.emitter.on('refreshStarted', ({ reason }) => reasons.push(reason));
      if (hasSession) hold(manager, record({}, { expiresAt: clock.now() }));
      manager.waitersOverdue();
      expect(reasons).toEqual([hasSession ? 'expired' : 'resume']);
    }
  });

  test('tokens that came late are stored by a refresh, where they are of the session that is held', async () => {
    const { clock, manager, record, started } = whole();
    const held = record();
    hold(manager, held);
    manager.unstored.put({ ...held, sessionId: 'other' }, held.tokens);
    expect(started()).toBe(0);
    const reasons: string[] = [];
    manager.emitter.on('refreshStarted', ({ reason }) => reasons.push(reason));
    manager.unstored.put(held, { ...held.tokens, accessToken: 'late' });
    expect(reasons).toEqual(['due']);
    await clock.settle();
    expect(manager.session.record?.tokens.accessToken).toBe('late');
  });

  test('a revocation that fails is told with its session; one that succeeds is not; both are waited for', async () => {
    for (const fails of [true, false]) {
      let settle = (): void => undefined;
      const { clock, manager, record, events } = whole({
        revoke: () =>
          new Promise((resolve, reject) => {
            settle = () => (fails ? reject(new Error('no')) : resolve(undefined));
          }),
      });
      void manager.revoke(record().tokens, record());
      await clock.settle();
      let isSettled = false;
      void manager.work.settled(60_000).then(() => {
        isSettled = true;
      });
      await clock.settle();
      expect(isSettled).toBe(false);
      settle();
      await clock.settle();
      expect([isSettled, events]).toEqual([true, fails ? [['revokeFailed', 's1', clock.now()]] : []]);
    }
  });

  test('a sign-out whose page left is finished, and waited for', async () => {
    const { clock, manager } = whole({}, { lock: { run: () => new Promise(() => undefined) } });
    void manager.finishSignOut();
    let isSettled = false;
    void manager.work.settled(1_000).then(() => {
      isSettled = true;
    });
    await clock.advance(999);
    expect(isSettled).toBe(false);
    manager.dispose();
    await clock.advance(60_000);
  });
});

describe('watchers', () => {
  test('are told until they go, each whatever the others throw; that is reported', () => {
    const { manager } = whole();
    const told: string[] = [];
    const watch = (name: string) =>
      manager.watch({
        ...ignored,
        settled: () => {
          told.push(name);
          throw new Error(`of ${name}`);
        },
      });
    const leave = watch('first');
    watch('second');
    manager.tell((watcher) => watcher.settled());
    expect(told).toEqual(['first', 'second']);
    expect(consoleCalls.splice(0).map(String)).toEqual(['Error: of first', 'Error: of second']);
    leave();
    leave();
    manager.tell((watcher) => watcher.settled());
    expect(told).toEqual(['first', 'second', 'second']);
    consoleCalls.length = 0;
  });

  test('are told of who waits, by the very promise that the caller has', async () => {
    const { manager } = whole();
    const waits: unknown[] = [];
    manager.watch({ ...ignored, wait: (outcome) => void waits.push(outcome) });
    const outcome = Promise.resolve(1);
    expect(manager.waited(outcome)).toBe(outcome);
    expect(waits[0]).toBe(outcome);
  });

  test('are told of the end, once, and of nothing after it; nobody can watch then', () => {
    const { manager, events, record } = whole();
    let ends = 0;
    const leave = manager.watch({ ...ignored, disposed: () => void ends++ });
    manager.dispose();
    manager.dispose();
    leave();
    hold(manager, record());
    expect([ends, events]).toEqual([1, []]);
    expect(() => manager.watch(ignored)).toThrow(DISPOSED);
  });
});

describe('the first use', () => {
  test('listens to peers and wake-ups, once, and each is followed by a look at the storage', async () => {
    const { clock, manager, did, heard } = whole();
    manager.activate();
    manager.activate();
    expect(did).toEqual(['listen to peers', 'listen to wake-ups']);
    did.length = 0;
    heard.peer?.();
    await clock.settle();
    expect(did).toEqual(['read']);
    heard.wakeup?.();
    await clock.settle();
    expect(did).toEqual(['read', 'read']);
    expect(manager.reader.isBlocking).toBe(false);
  });

  test('listens before it reads: nothing that peers do meanwhile is missed', async () => {
    const { clock, manager, did } = whole();
    const served = manager.accessTokens.get().catch((error: { code: string }) => error.code);
    expect(did).toEqual(['listen to peers', 'listen to wake-ups', 'read']);
    await clock.settle();
    expect(await served).toBe('ERR_NO_SESSION');
  });

  test('listens once also where listening leads to another use', () => {
    let subscriptions = 0;
    const world = whole(
      {},
      {
        channel: {
          announce: () => undefined,
          subscribe: () => {
            subscriptions++;
            if (subscriptions < 5) world.manager.activate();
            return () => undefined;
          },
        },
      },
    );
    world.manager.activate();
    expect(subscriptions).toBe(1);
  });

  test('that cannot listen to wake-ups still hangs up on peers at the end', () => {
    const { manager, did } = whole(
      {},
      {
        wakeups: {
          subscribe: () => {
            throw new Error('no wake-ups');
          },
          isAwake: () => true,
          isOnline: () => true,
        },
      },
    );
    expect(() => manager.activate()).toThrow('no wake-ups');
    manager.dispose();
    expect(did).toEqual(['listen to peers', 'hang up on peers']);
  });
});

describe('a command', () => {
  test('is waited for by its caller and by the process, and gives its outcome', async () => {
    const { clock, manager } = whole();
    await manager.track(Promise.resolve());
    await expect(manager.track(Promise.reject(new Error('no')))).rejects.toThrow('no');
    const signal = AbortSignal.abort('mine');
    await expect(manager.track(Promise.resolve(), signal)).rejects.toBe('mine');
    let end = (): void => undefined;
    let isSettled = false;
    void manager.track(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    );
    void manager.work.settled(1_000).then(() => {
      isSettled = true;
    });
    await clock.settle();
    expect([isSettled, clock.pendingKeepAlive > 0]).toEqual([false, true]);
    end();
    await clock.settle();
    expect([isSettled, clock.pendingKeepAlive]).toEqual([true, 0]);
  });

  test('that goes on at the end lets its caller go, also when another is over', async () => {
    const { clock, manager } = whole();
    await manager.track(Promise.resolve());
    const caller = manager.track(new Promise(() => undefined)).catch((error: unknown) => error);
    await manager.track(Promise.resolve());
    await clock.settle();
    manager.dispose();
    expect(await caller).toMatchObject({ code: 'ERR_DISPOSED' });
  });
});

describe('the end', () => {
  test('hangs up, and refuses every later use', () => {
    const { manager, did } = whole();
    manager.activate();
    did.length = 0;
    manager.dispose();
    manager.dispose();
    expect(did).toEqual(['hang up on peers', 'hang up on wake-ups']);
    for (const use of [() => manager.activate(), () => manager.checkUse()]) {
      expect(use).toThrow(expect.objectContaining({ name: 'OptionsError', code: 'ERR_DISPOSED', message: DISPOSED }));
    }
  });

  test('before the first use hangs up on nobody', () => {
    const { manager, did } = whole();
    manager.dispose();
    expect(did).toEqual([]);
  });

  test('refuses those who wait: for a refresh, for the storage, for a sign-in', async () => {
    const { clock, manager } = whole();
    const outcomes = [
      manager.callers.wait(undefined),
      manager.reader.wait(undefined),
      manager.pending.callers.wait(undefined),
    ].map((outcome) => outcome.catch((error: { code: string }) => error.code));
    manager.dispose();
    expect(await Promise.all(outcomes)).toEqual(['ERR_DISPOSED', 'ERR_DISPOSED', 'ERR_DISPOSED']);
    const later = manager.callers.wait(undefined).catch((error: { code: string }) => error.code);
    expect(await later).toBe('ERR_DISPOSED');
    await clock.settle();
  });

  test('serves nobody any more, not even what was fresh', async () => {
    const { manager, record } = whole();
    hold(manager, record());
    expect(await manager.accessTokens.get()).toBe('old-access-token-1');
    manager.dispose();
    await expect(manager.accessTokens.get()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });

  test('leaves no alarm', () => {
    const { clock, manager, record } = whole({ proactive: true });
    hold(manager, record());
    expect(clock.pending).toBe(1);
    manager.dispose();
    expect(clock.pending).toBe(0);
  });

  test('leaves no timer: neither a repair, nor the delay before another attempt', async () => {
    const { clock, manager, record, answers } = whole({ proactive: true, retry: { attempts: 5 } });
    hold(manager, record());
    await wasStored(manager, record());
    manager.reconciler.schedule();
    expect(clock.pending).toBe(2);
    manager.refresher.start('due');
    await clock.settle();
    answers[0]?.(new Response('', { status: 503 }));
    await clock.settle();
    manager.dispose();
    await clock.settle();
    expect([clock.pending, manager.refresher.isRunning]).toEqual([0, false]);
  });

  test('forgets who listens', () => {
    const { manager } = whole();
    const told: string[] = [];
    manager.emitter.on('storageFailed', () => told.push('told'));
    manager.dispose();
    manager.storageFailed('read', new StorageError('ERR_STORAGE_READ', 'no'));
    expect(told).toEqual([]);
  });
});
