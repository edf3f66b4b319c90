import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { inProcessChannel } from '../../src/adapters/in-process-channel.js';
import { inProcessLock } from '../../src/adapters/in-process-lock.js';
import { tabLock } from '../../src/adapters/tab-lock.js';
import { StorageError } from '../../src/errors.js';
import type { Lease, Lock } from '../../src/ports/lock.js';
import type { Registers } from '../../src/ports/registers.js';
import { memoryRegisters } from './support/memory-registers.js';
import { pass } from './support/pass.js';

const holdMs = 15_000;
const never = new Promise<never>(() => {});
const patient = new AbortController().signal;
const noRegisters: Registers = () => Promise.reject(new Error('no registers here'));

let keys = 0;
let key: string;

beforeEach(() => {
  key = `evertoken:tab-lock-${++keys}`; // Web Locks are real here, and shared by all tests of this file
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Starts to wait for the lock, and tells when it was granted. */
function contend(lock: Lock, task: () => Promise<unknown> = () => never, signal: AbortSignal = patient) {
  const run: { lease?: Lease; at?: number; done?: Promise<unknown> } = {};
  run.done = lock.run(
    key,
    signal,
    async (lease) => {
      Object.assign(run, { lease, at: Date.now() });
      return task();
    },
    { holdMs },
  );
  return run;
}

/** Takes the lock and keeps it. */
async function granted(lock: Lock): Promise<{ lease: Lease }> {
  const { lease } = await new Promise<{ lease: Lease }>((resolve) => {
    const run = contend(lock, async () => {
      resolve(run as { lease: Lease });
      return never;
    });
    void pass(20).then(() => pass(20));
  });
  return { lease };
}

describe.each([
  ['with Web Locks', true],
  ['without Web Locks', false],
])('%s and registers', (_, hasWebLocks) => {
  let registers: Registers;
  let values: Map<string, unknown>;
  const tab = (): Lock => tabLock(registers, inProcessLock(), inProcessChannel());

  beforeEach(() => {
    ({ registers, values } = memoryRegisters());
    if (!hasWebLocks) vi.stubGlobal('navigator', {});
  });

  test('a holder that was frozen past its time sees at once that the lock is lost, before any of its timers runs', async () => {
    const { lease } = await granted(tab());
    expect(lease.signal.aborted).toBe(false);
    vi.setSystemTime(Date.now() + holdMs - 1);
    expect(lease.signal.aborted).toBe(false);
    vi.setSystemTime(Date.now() + 2);
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
  });

  test('tabs take turns, and each turn has a greater fence than the one before', async () => {
    let holders = 0;
    const fences: number[] = [];
    const turn = (lock: Lock) =>
      lock.run(key, patient, async ({ fence = 0 }) => {
        expect(++holders).toBe(1);
        fences.push(fence);
        await new Promise((resolve) => setTimeout(resolve, 100));
        holders--;
      });
    const turns = Promise.all([tab(), tab(), tab(), tab()].flatMap((lock) => [turn(lock), turn(lock)]));
    for (let n = 0; n < 100; n++) await pass(20);
    await turns;
    expect(fences).toHaveLength(8);
    expect(fences).toEqual([...new Set(fences)].sort((one, other) => one - other));
  });

  test('a holder that is frozen keeps the lock until it is past its time, and then one waiter has it', async () => {
    const frozen = contend(tab());
    await pass(0);
    const waiters = [contend(tab()), contend(tab()), contend(tab())];
    await pass(holdMs - 100);
    expect(waiters.filter(({ lease }) => lease)).toEqual([]);
    await pass(1_200);
    expect(waiters.filter(({ lease }) => lease)).toHaveLength(1);
    const next = waiters.find(({ lease }) => lease);
    expect((next?.at ?? 0) - (frozen.at ?? 0)).toBeGreaterThanOrEqual(holdMs);
    expect(next?.lease?.fence).toBeGreaterThan(frozen.lease?.fence ?? Infinity);
    expect(frozen.lease?.signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(next?.lease?.signal.aborted).toBe(false);
  });

  test('those who wait behind a frozen holder take over one at a time', async () => {
    contend(tab());
    await pass(0);
    const waiters = [contend(tab()), contend(tab()), contend(tab())];
    for (let n = 0; n < 200; n++) await pass(500); // each of them freezes in turn
    const moments = waiters.map(({ at = 0 }) => at).sort((one, other) => one - other);
    expect(moments[0]).toBeGreaterThan(0);
    expect((moments[1] ?? 0) - (moments[0] ?? 0)).toBeGreaterThanOrEqual(holdMs);
    expect((moments[2] ?? 0) - (moments[1] ?? 0)).toBeGreaterThanOrEqual(holdMs);
  });

  test('a late end of a holder that lost the lock does not open it for others', async () => {
    let thaw = (): void => {};
    const frozen = contend(tab(), () => new Promise<void>((resolve) => (thaw = resolve)));
    await pass(0);
    const next = contend(tab());
    await pass(holdMs + 1_100);
    expect(next.lease).toBeDefined();
    const third = contend(tab());
    thaw();
    await frozen.done;
    await pass(5_000);
    expect(third.lease).toBeUndefined();
  });

  test('a wait that is aborted rejects with the reason, never runs the task, and holds up nobody', async () => {
    let release = (): void => {};
    const holder = contend(tab(), () => new Promise<void>((resolve) => (release = resolve)));
    await pass(0);
    const abort = new AbortController();
    const gone = contend(tab(), undefined, abort.signal);
    const next = contend(tab(), async () => 'done');
    await pass(100);
    const reason = new Error('the caller has left');
    abort.abort(reason);
    await expect(gone.done).rejects.toBe(reason);
    release();
    await holder.done;
    await pass(100);
    await expect(next.done).resolves.toBe('done');
    expect(gone.lease).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a signal that is aborted already asks for nothing', async () => {
    const reason = new Error('too late');
    await expect(contend(tab(), undefined, AbortSignal.abort(reason)).done).rejects.toBe(reason);
    expect(values.size).toBe(0);
  });

  test('an abort after the grant changes nothing', async () => {
    const abort = new AbortController();
    let finish = (): void => {};
    const run = contend(tab(), () => new Promise<void>((resolve) => (finish = resolve)), abort.signal);
    await pass(0);
    abort.abort();
    expect(run.lease?.signal.aborted).toBe(false);
    finish();
    await expect(run.done).resolves.toBeUndefined();
  });

  test('a task that throws releases the lock and rejects with its error', async () => {
    const error = new Error('refused');
    await expect(contend(tab(), () => Promise.reject(error)).done).rejects.toBe(error);
    await expect(contend(tab(), async () => 'next').done).resolves.toBe('next');
  });

  test.each([
    ['forwards', 7_200_000],
    ['back', -7_200_000],
  ])('a clock set %s under a dead holder keeps nobody waiting for longer', async (_way, shiftMs) => {
    contend(tab());
    await pass(0);
    vi.setSystemTime(Date.now() + shiftMs);
    const next = contend(tab());
    await pass(holdMs + 1_100);
    expect(next.lease).toBeDefined();
  });

  test('many who wait in one tab ask the registers twice each, and one of them looks for all', async () => {
    let asked = 0;
    const counted: Registers = (name, change) => {
      asked++;
      return registers(name, change);
    };
    const channel = inProcessChannel();
    const lock = tabLock(counted, inProcessLock(), channel);
    let release = (): void => {};
    const holder = contend(lock, () => new Promise<void>((resolve) => (release = resolve)));
    await pass(0);
    const waiters = Array.from({ length: 50 }, () => contend(lock, async () => undefined));
    asked = 0;
    for (let n = 0; n < 20; n++) await pass(500);
    expect(asked).toBeLessThanOrEqual(21); // ten seconds, a look in 500 ms at most
    for (let n = 0; n < 10; n++) channel.announce(`${key}:lock`);
    await pass(0);
    expect(asked).toBeLessThanOrEqual(21);
    asked = 0;
    release();
    for (let n = 0; n < 100; n++) await pass(20);
    await Promise.all([holder, ...waiters].map(({ done }) => done));
    expect(asked).toBeLessThanOrEqual(2 * 51 + 5);
  });

  test('fences grow on when the browser has dropped the registers', async () => {
    const first = contend(tab(), async () => undefined);
    await first.done;
    await pass(10);
    values.clear();
    const second = contend(tab(), async () => undefined);
    await second.done;
    expect(second.lease?.fence).toBeGreaterThan(first.lease?.fence ?? Infinity);
  });
});

describe.each([
  ['with Web Locks', true],
  ['without Web Locks', false],
])('a page that is left, %s', (_, hasWebLocks) => {
  let page: EventTarget;

  beforeEach(() => {
    page = new EventTarget();
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    if (!hasWebLocks) vi.stubGlobal('navigator', {});
  });

  test('loses the lock at once, and learns of it when it comes back', async () => {
    const { registers } = memoryRegisters();
    const holder = contend(tabLock(registers, inProcessLock(), inProcessChannel()));
    await pass(100);
    page.dispatchEvent(new Event('pagehide'));
    const next = contend(tabLock(registers, inProcessLock(), inProcessChannel()));
    await pass(100);
    expect(holder.lease?.signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(next.lease?.signal.aborted).toBe(false);
  });

  test('holds up nobody while it waits, and has its turn when it comes back', async () => {
    const { registers } = memoryRegisters();
    let release = (): void => {};
    const holder = contend(
      tabLock(registers, inProcessLock(), inProcessChannel()),
      () => new Promise<void>((resolve) => (release = resolve)),
    );
    await pass(100);
    const waiter = contend(tabLock(registers, inProcessLock(), inProcessChannel()), async () => 'had its turn');
    await pass(100);
    page.dispatchEvent(new Event('pagehide'));
    // the page of the holder is left as well, in this process
    expect(holder.lease?.signal.aborted).toBe(true);
    release();
    await holder.done;
    await pass(100);
    await expect(waiter.done).resolves.toBe('had its turn');
    expect(waiter.lease?.signal.aborted).toBe(false);
  });
});

describe('with Web Locks', () => {
  test('tabs come in the order in which they asked', async () => {
    const { registers } = memoryRegisters();
    const order: number[] = [];
    const turns = [0, 1, 2, 3, 4].map((n) =>
      tabLock(registers, inProcessLock(), inProcessChannel()).run(key, patient, async () => order.push(n)),
    );
    await Promise.all(turns);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test('a tab that dies with the lock in its hands is followed at once', async () => {
    const { registers } = memoryRegisters();
    const dead = new AbortController();
    // a tab that dies leaves its grant, while its place in the queue is gone
    const doomed = navigator.locks.request(
      key,
      () => new Promise<void>((end) => dead.signal.addEventListener('abort', () => end())),
    );
    await registers(`${key}:lock`, () => ({ fence: 1, since: Date.now(), holdMs, first: true }));
    const next = contend(tabLock(registers, inProcessLock(), inProcessChannel()));
    await pass(500);
    expect(next.lease).toBeUndefined();
    dead.abort();
    await doomed;
    await pass(0);
    expect(next.lease).toBeDefined();
  });

  test('whoever took over from a frozen tab is not overrun when that one wakes up', async () => {
    const { registers } = memoryRegisters();
    let thaw = (): void => {};
    const frozen = navigator.locks.request(key, () => new Promise<void>((end) => (thaw = end)));
    const next = contend(tabLock(registers, inProcessLock(), inProcessChannel()));
    await pass(1_100);
    expect(next.lease).toBeDefined(); // the frozen one had no grant yet
    const third = contend(tabLock(registers, inProcessLock(), inProcessChannel()));
    thaw();
    await frozen;
    await pass(5_000);
    expect(third.lease).toBeUndefined();
  });

  test('they decide alone where there are no registers', async () => {
    const lock = tabLock(noRegisters, inProcessLock(), inProcessChannel());
    let release = (): void => {};
    const first = contend(lock, () => new Promise<void>((resolve) => (release = resolve)));
    const second = contend(lock, async () => 'second');
    for (let n = 0; n < 10; n++) await pass(20);
    await pass(holdMs - 1_000);
    expect(first.lease?.exclusive).toBe(true);
    expect(second.lease).toBeUndefined();
    release();
    for (let n = 0; n < 10; n++) await pass(20);
    await expect(second.done).resolves.toBe('second');
    expect(second.lease?.fence).toBeUndefined();
  });

  test('registers that fail in passing are tried again before they are given up', async () => {
    const { registers } = memoryRegisters();
    let failures = 2;
    const shaky: Registers = (name, change) =>
      failures-- > 0 ? Promise.reject(new Error('the connection was lost')) : registers(name, change);
    const run = contend(tabLock(shaky, inProcessLock(), inProcessChannel()), async () => 'done');
    await pass(500);
    await expect(run.done).resolves.toBe('done');
    expect(run.lease?.fence).toBeGreaterThan(0);
  });

  test('a page that may not use them does without', async () => {
    vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(new Error('refused to an opaque origin')) } });
    const { registers } = memoryRegisters();
    await expect(
      contend(tabLock(registers, inProcessLock(), inProcessChannel()), async () => 'done').done,
    ).resolves.toBe('done');
  });
});

test('where there is neither, tasks in one tab take turns, and the lease says that others may hold the lock as well', async () => {
  vi.stubGlobal('navigator', {});
  const lock = tabLock(noRegisters, inProcessLock(), inProcessChannel());
  let release = (): void => {};
  const first = contend(lock, () => new Promise<void>((resolve) => (release = resolve)));
  const second = contend(lock, async () => 'second');
  for (let n = 0; n < 10; n++) await pass(20);
  expect(first.lease).toMatchObject({ exclusive: false });
  expect(second.lease).toBeUndefined();
  release();
  for (let n = 0; n < 10; n++) await pass(20);
  await expect(second.done).resolves.toBe('second');
});

test.each([
  ['missing', new TypeError('indexedDB is undefined')],
  ['dead', new StorageError('ERR_STORAGE_READ', 'Expected the database to open, but it does not answer.')],
])('%s registers are found so at once, and not asked again and again', async (_, error) => {
  vi.stubGlobal('navigator', {});
  let asked = 0;
  const missing: Registers = () => {
    asked++;
    return Promise.reject(error);
  };
  await contend(tabLock(missing, inProcessLock(), inProcessChannel()), async () => 'done').done;
  expect(asked).toBe(2); // once to take the lock, once to release it
});
