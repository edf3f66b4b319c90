import { afterEach, describe, expect, test, vi } from 'vitest';
import { withDeadline } from '../../src/manager/deadline.js';
import { createEmitter } from '../../src/manager/emitter.js';
import { Manager } from '../../src/manager/manager.js';
import { createScheduler } from '../../src/manager/scheduler.js';
import { abortReason, Waiters } from '../../src/manager/waiters.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager } from '../support/bare-manager.js';
import { consoleCalls } from '../support/console-calls.js';

/** What a promise has come to so far. */
function outcome(promise: Promise<unknown>): { value?: unknown; error?: unknown } {
  const seen: { value?: unknown; error?: unknown } = {};
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error) => Object.assign(seen, { error }),
  );
  return seen;
}

describe('a deadline', () => {
  test('gives what the work gives, and leaves no timer behind', async () => {
    const clock = fakeClock();
    for (const work of [() => 7, async () => 7]) expect(await withDeadline(clock, 100, work, () => 'late')).toBe(7);
    for (const work of [
      () => Promise.reject('bad'),
      () => {
        throw 'bad';
      },
    ]) {
      await expect(withDeadline(clock, 100, work, () => 'late')).rejects.toBe('bad');
    }
    await clock.settle();
    expect(clock.pending).toBe(0);
  });

  test('rejects at its limit, not before, and does not keep a process alive', async () => {
    const clock = fakeClock();
    const seen = outcome(
      withDeadline(
        clock,
        100,
        () => new Promise(() => 0),
        () => 'late',
      ),
    );
    expect(clock.pendingKeepAlive).toBe(0);
    await clock.advance(99);
    expect(seen).toEqual({});
    await clock.advance(1);
    expect(seen).toEqual({ error: 'late' });
  });

  test('tells of a success that comes too late, and of no other', async () => {
    const clock = fakeClock();
    const late = vi.fn();
    const later = (ms: number, result: () => unknown) => () =>
      new Promise<void>((resolve) => clock.after(ms, resolve)).then(result);
    outcome(
      withDeadline(
        clock,
        100,
        later(99, () => 1),
        () => 'late',
        late,
      ),
    );
    outcome(
      withDeadline(
        clock,
        100,
        later(300, () => Promise.reject('bad')),
        () => 'late',
        late,
      ),
    );
    await clock.advance(1_000);
    expect(late).not.toHaveBeenCalled();
    outcome(
      withDeadline(
        clock,
        100,
        later(300, () => 1),
        () => 'late',
        late,
      ),
    );
    await clock.advance(1_000);
    expect(late).toHaveBeenCalledTimes(1);
  });
});

describe('callers who wait for one outcome', () => {
  test('are all served or refused, once', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    const first = [callers.wait(undefined), callers.wait(new AbortController().signal)].map(outcome);
    callers.resolve('one');
    const second = outcome(callers.wait(undefined));
    callers.reject('two');
    callers.resolve('three');
    await clock.settle();
    expect([...first, second]).toEqual([{ value: 'one' }, { value: 'one' }, { error: 'two' }]);
  });

  test('keeps the process alive while somebody waits, with one timer, and not a moment longer', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    const abort = new AbortController();
    for (const signal of [undefined, abort.signal]) outcome(callers.wait(signal));
    expect([clock.pending, clock.pendingKeepAlive]).toEqual([1, 1]);
    abort.abort();
    expect(clock.pending).toBe(1);
    callers.resolve('done');
    expect(clock.pending).toBe(0);
    const second = new AbortController();
    outcome(callers.wait(second.signal));
    expect(clock.pendingKeepAlive).toBe(1);
    second.abort();
    expect(clock.pending).toBe(0);
    outcome(callers.wait(undefined));
    callers.reject('no');
    expect(clock.pending).toBe(0);
  });

  test('without a signal share one promise, which is another one after each outcome', async () => {
    const callers = new Waiters<string>(fakeClock());
    const first = callers.wait(undefined);
    expect(callers.wait(undefined)).toBe(first);
    callers.resolve('one');
    const second = callers.wait(undefined);
    callers.reject('two');
    expect(await first).toBe('one');
    await expect(second).rejects.toBe('two');
  });

  test('are refused at once after the end, as those who waited were', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    const waiting = outcome(callers.wait(undefined));
    callers.close('over');
    const late = [callers.wait(undefined), callers.wait(new AbortController().signal)].map(outcome);
    await clock.settle();
    expect([waiting, ...late]).toEqual([{ error: 'over' }, { error: 'over' }, { error: 'over' }]);
    expect(clock.pending).toBe(0);
  });

  test('lets one caller leave with its own reason', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    const abort = new AbortController();
    const [leaver, stayer] = [callers.wait(abort.signal), callers.wait(undefined)].map(outcome);
    abort.abort('mine');
    await clock.settle();
    expect([leaver, stayer]).toEqual([{ error: 'mine' }, {}]);
    callers.resolve('token');
    await clock.settle();
    expect([leaver, stayer]).toEqual([{ error: 'mine' }, { value: 'token' }]);
  });

  test('does not let in whoever has left already', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    await expect(callers.wait(AbortSignal.abort('mine'))).rejects.toBe('mine');
    expect(clock.pending).toBe(0);
  });

  test('says whether somebody waits', async () => {
    const callers = new Waiters<string>(fakeClock());
    expect(callers.isWaiting).toBe(false);
    const abort = new AbortController();
    const left = outcome(callers.wait(abort.signal));
    expect(callers.isWaiting).toBe(true);
    abort.abort();
    expect(callers.isWaiting).toBe(false);
    outcome(callers.wait(undefined));
    expect(callers.isWaiting).toBe(true);
    callers.resolve('token');
    expect([callers.isWaiting, 'value' in left]).toEqual([false, false]);
  });

  test('lets a caller leave who is being served: nothing happens', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    const abort = new AbortController();
    const served = outcome(callers.wait(abort.signal));
    callers.resolve('token');
    abort.abort();
    await clock.settle();
    expect([served, clock.pending]).toEqual([{ value: 'token' }, 0]);
  });

  test('tells its observer when nobody has come for the limit, and again after that', async () => {
    const clock = fakeClock();
    const waitersOverdue = vi.fn();
    const callers = new Waiters<string>(clock, 100, { waitersOverdue });
    outcome(callers.wait(undefined));
    await clock.advance(60);
    outcome(callers.wait(undefined));
    await clock.advance(99);
    expect(waitersOverdue).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(waitersOverdue).toHaveBeenCalledTimes(1);
    expect(clock.pendingKeepAlive).toBe(1);
    await clock.advance(100);
    expect(waitersOverdue).toHaveBeenCalledTimes(2);
    callers.resolve('token');
    await clock.advance(1_000);
    expect(waitersOverdue).toHaveBeenCalledTimes(2);
  });

  test('waits for as long as a timer can without a limit, and without an observer', async () => {
    const clock = fakeClock();
    const delays: number[] = [];
    const after: typeof clock.after = (delayMs, task, options) => {
      delays.push(delayMs);
      return clock.after(delayMs, task, options);
    };
    for (const limitMs of [undefined, Number.POSITIVE_INFINITY, 5]) {
      outcome(new Waiters<string>({ now: clock.now, after }, limitMs).wait(undefined));
    }
    expect(delays).toEqual([2_147_483_647, 2_147_483_647, 5]);
    await clock.advance(5);
    expect(delays).toHaveLength(4);
  });

  test('takes its hands off the signal of a caller who is served or refused, or has left', async () => {
    const clock = fakeClock();
    const callers = new Waiters<string>(clock);
    const abort = new AbortController();
    for (const [signal, end] of [
      [new AbortController().signal, () => callers.resolve('token')],
      [new AbortController().signal, () => callers.reject('no')],
      [abort.signal, () => abort.abort()],
    ] as const) {
      const added = vi.spyOn(signal, 'addEventListener');
      const removed = vi.spyOn(signal, 'removeEventListener');
      outcome(callers.wait(signal));
      end();
      await clock.settle();
      expect(removed.mock.calls).toEqual(added.mock.calls);
      expect(added).toHaveBeenCalledTimes(1);
    }
  });

  test('says AbortError where the runtime knows no reasons', () => {
    for (const signal of [undefined, { aborted: true } as AbortSignal]) {
      expect(abortReason(signal)).toMatchObject({ name: 'AbortError', message: 'The operation was aborted.' });
    }
    expect(abortReason(AbortSignal.abort(null))).toBe(null);
  });
});

describe('the scheduler', () => {
  test('runs its task at the moment, once, and only for the latest plan', async () => {
    const clock = fakeClock();
    const ran: number[] = [];
    const from = clock.now();
    const scheduler = createScheduler(clock, () => ran.push(clock.now() - from));
    scheduler.plan(from + 100);
    scheduler.plan(from + 200);
    await clock.advance(1_000);
    expect(ran).toEqual([200]);
    scheduler.plan(from);
    await clock.advance(0);
    expect(ran).toEqual([200, 1_000]);
    scheduler.plan(clock.now() + 10);
    scheduler.cancel();
    expect(clock.pending).toBe(0);
    scheduler.plan(Number.POSITIVE_INFINITY);
    expect(clock.pending).toBe(0);
    await clock.advance(10_000);
    expect(ran).toHaveLength(2);
  });

  test('goes in steps of half an hour at most, so that no timer overflows, and keeps nothing alive', async () => {
    const clock = fakeClock();
    const ran: number[] = [];
    const from = clock.now();
    const year = 365 * 86_400_000;
    const delays: number[] = [];
    const after: typeof clock.after = (delayMs, task, options) => {
      delays.push(delayMs);
      return clock.after(delayMs, task, options);
    };
    const scheduler = createScheduler({ now: clock.now, after }, () => ran.push(clock.now() - from));
    scheduler.plan(from + year);
    expect(clock.pendingKeepAlive).toBe(0);
    for (let step = 0; step < 20; step++) await clock.runNext();
    expect(Math.max(...delays)).toBe(1_800_000);
    expect(ran).toEqual([]);
    scheduler.plan(clock.now() + 1_800_001);
    await clock.advance(1_800_000);
    expect(ran).toEqual([]);
    await clock.advance(1);
    expect(ran).toHaveLength(1);
  });

  test('notices a clock that was set, forwards or back', async () => {
    const clock = fakeClock();
    const task = vi.fn();
    const scheduler = createScheduler(clock, task);
    scheduler.plan(clock.now() + 7_200_000);
    clock.set(clock.now() + 7_200_000);
    await clock.advance(1_800_000);
    expect(task).toHaveBeenCalledTimes(1);
    scheduler.plan(clock.now() + 60_000);
    clock.set(clock.now() - 60_000);
    await clock.advance(60_000);
    expect(task).toHaveBeenCalledTimes(1);
    await clock.advance(60_000);
    expect(task).toHaveBeenCalledTimes(2);
  });
});

describe('the emitter', () => {
  const ended = { type: 'sessionEnded', payload: { reason: 'ended' }, sessionId: 's' } as const;
  const started = { type: 'sessionStarted', payload: { from: 'storage' }, sessionId: 's' } as const;

  afterEach(() => {
    Reflect.deleteProperty(globalThis, 'reportError');
  });

  test('delivers events in order: what a listener gives rise to comes after everybody has heard', () => {
    const emitter = createEmitter();
    const heard: string[] = [];
    emitter.on('sessionStarted', () => {
      heard.push('first: started');
      emitter.emit(ended, 2);
      emitter.changed();
      heard.push('first: done');
    });
    emitter.on('sessionStarted', () => heard.push('second: started'));
    emitter.on('sessionEnded', () => heard.push('ended'));
    emitter.onChange(() => heard.push('changed'));
    emitter.emit(started, 1);
    expect(heard).toEqual(['first: started', 'first: done', 'second: started', 'ended', 'changed']);
  });

  test('gives an event its moment and session, and nobody can change it', () => {
    const emitter = createEmitter();
    const events: unknown[] = [];
    emitter.on('sessionEnded', (event) => events.push(event));
    emitter.emit(ended, 17);
    expect(events).toEqual([{ at: 17, sessionId: 's', reason: 'ended' }]);
    expect(Object.isFrozen(events[0])).toBe(true);
  });

  test('isolates listeners from what others throw, and tells it where the platform tells such things', () => {
    const emitter = createEmitter();
    const heard: string[] = [];
    const fault = new Error('listener');
    emitter.on('sessionEnded', () => {
      throw fault;
    });
    emitter.on('sessionEnded', () => heard.push('second'));
    emitter.emit(ended, 1);
    expect(heard).toEqual(['second']);
    expect(consoleCalls.splice(0)).toEqual([[fault]]);
    const reported: unknown[] = [];
    Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) });
    emitter.emit(ended, 2);
    expect(reported).toEqual([fault]);
    expect(consoleCalls).toEqual([]);
  });

  test('forgets a listener that goes, the same function added twice one at a time, and all of them at the end', () => {
    const emitter = createEmitter();
    const heard = vi.fn();
    const offs = [emitter.on('sessionEnded', heard), emitter.on('sessionEnded', heard), emitter.onChange(heard)];
    const all = () => {
      heard.mockClear();
      emitter.emit(ended, 1);
      emitter.changed();
      return heard.mock.calls.length;
    };
    expect(all()).toBe(3);
    offs[0]?.();
    offs[0]?.();
    expect(all()).toBe(2);
    offs[2]?.();
    expect(all()).toBe(1);
    emitter.clear();
    expect(all()).toBe(0);
  });
});

describe('a lifetime', () => {
  test('lets calls through until its end, and refuses them after it', () => {
    const manager = bareManager({});
    expect(() => manager.checkUse()).not.toThrow();
    manager.dispose();
    expect(() => manager.checkUse()).toThrowError(
      expect.objectContaining({
        code: 'ERR_DISPOSED',
        message: 'Expected a manager in use, but dispose() was called: create another one.',
      }),
    );
  });

  test('ends once: lets go of what it listens to, and refuses those who wait', async () => {
    const gone = vi.fn();
    const wakeups = { subscribe: () => gone, isAwake: () => true, isOnline: () => true };
    const channel = { subscribe: () => gone, announce: () => undefined };
    const { settings } = bareManager({ clock: fakeClock(), channel, wakeups });
    const manager = new Manager(settings);
    manager.activate();
    const waiting = [manager.callers.wait(undefined), manager.reader.wait(undefined)].map(outcome);
    manager.dispose();
    manager.dispose();
    await Promise.resolve();
    expect(gone).toHaveBeenCalledTimes(2);
    expect(waiting).toMatchObject([{ error: { code: 'ERR_DISPOSED' } }, { error: { code: 'ERR_DISPOSED' } }]);
  });

  test('attends work: gives its outcome, keeps the process alive meanwhile, and refuses at its end', async () => {
    const clock = fakeClock();
    const manager = bareManager({ clock });
    expect(await manager.track(Promise.resolve())).toBe(undefined);
    await expect(manager.track(Promise.reject('bad'))).rejects.toBe('bad');
    await clock.settle();
    expect(clock.pending).toBe(0);
    const waiting = outcome(manager.track(new Promise(() => 0)));
    expect(clock.pendingKeepAlive).toBe(1);
    manager.dispose();
    await clock.settle();
    expect(waiting.error).toMatchObject({ name: 'OptionsError', code: 'ERR_DISPOSED' });
    expect(clock.pending).toBe(0);
  });
});
