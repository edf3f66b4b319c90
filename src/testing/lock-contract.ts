import type { Lock } from '../ports/lock.js';
import {
  type ContractCheck,
  type ContractOptions,
  createChecks,
  later,
  type Make,
  type Promises,
  refused,
  same,
  sleep,
  turns,
} from './contract.js';
import { hold, type LockUnderTest, never, secondOf } from './lock-holder.js';
import { takeover } from './takeover-contract.js';

/** What a lock claims beyond the essentials. */
export interface LockContractOptions extends ContractOptions {
  /** It excludes other contexts as well: also runs the checks that use `second`. Default `false`. */
  shared?: boolean;
  /** Its leases carry a growing `fence`: also runs the checks of that. Default `false`. */
  fences?: boolean;
  /** It takes over from a holder that is past `holdMs`: also runs the checks of that. Default `false`. */
  takesOver?: boolean;
  /** The `holdMs` that the checks of `takesOver` use, in milliseconds. Default 200. */
  holdMs?: number;
}

/**
 * The checks of a lock: what the manager relies on, in plain words, for any test runner.
 *
 * The order in which waiters are served is not part of it.
 *
 * @example
 * for (const { name, run } of lockContract(() => ({ lock: myLock() }))) test(name, run);
 */
export function lockContract(
  make: Make<LockUnderTest>,
  { shared = false, fences = false, takesOver = false, holdMs = 200, ...options }: LockContractOptions = {},
): ContractCheck[] {
  const promises = {
    ...results,
    ...exclusion,
    ...aborts,
    ...leases,
    ...(shared && acrossContexts),
    ...(fences && growing),
    ...(takesOver && takeover(holdMs, shared)),
  };
  return createChecks(make, promises, options);
}

const results: Promises<LockUnderTest> = {
  'passes the result of the task through': async ({ lock }, key) => {
    const result = { some: 'object' };
    same(await lock.run(key, never(), async () => result), result, 'the result');
    same(await lock.run(key, never(), async () => undefined), undefined, 'the result');
  },
  'passes the error of the task through': async ({ lock }, key) => {
    const error = new Error('of the task');
    const thrown = await refused(() => lock.run(key, never(), () => Promise.reject(error)), 'a task that fails');
    same(thrown, error, 'what was thrown');
  },
  'is free again after a task failed, or threw at once': async ({ lock }, key) => {
    await refused(() => lock.run(key, never(), () => Promise.reject(new Error('later'))), 'a task that fails');
    const throws = () => {
      throw new Error('at once');
    };
    await refused(() => lock.run(key, never(), throws), 'a task that throws');
    same(await lock.run(key, never(), async () => 'free'), 'free', 'the result of the next task');
  },
};

const exclusion: Promises<LockUnderTest> = {
  'lets one task in at a time, however they interleave': async ({ lock }, key) => {
    await interleave([lock], key);
  },
  'runs each of a hundred waiting tasks once': async ({ lock }, key) => {
    const runs = Array.from({ length: 100 }, () => 0);
    await Promise.all(
      runs.map((_, index) =>
        lock.run(key, never(), async () => {
          runs[index] = (runs[index] ?? 0) + 1;
        }),
      ),
    );
    for (const count of runs) same(count, 1, 'how often a waiting task ran');
  },
  'does not make one key wait for another': async ({ lock }, key) => {
    const held = hold(lock, key);
    await held.granted;
    same(await lock.run(`${key}:other`, never(), async () => 'ran'), 'ran', 'the result under the other key');
    held.release();
    await held.done;
  },
  'lets a task take the lock of another key': async ({ lock }, key) => {
    const inner = () => lock.run(`${key}:inner`, never(), async () => 'inner');
    same(await lock.run(key, never(), inner), 'inner', 'the result of the inner task');
  },
};

const aborts: Promises<LockUnderTest> = {
  'refuses a signal that is aborted already, with its reason, and runs nothing': async ({ lock }, key) => {
    await neverRuns(lock, key, AbortSignal.abort(new Error('its reason')));
  },
  'lets a waiter go when it aborts, with its reason, and never runs its task': async ({ lock }, key) => {
    const held = hold(lock, key);
    await held.granted;
    const abort = new AbortController();
    const waiting = later(neverRuns(lock, key, abort.signal));
    await turns(3);
    abort.abort(new Error('its reason'));
    const leave = await waiting; // aborted while the lock is still held
    held.release();
    await held.done;
    await lock.run(key, never(), async () => undefined);
    leave();
  },
  'serves those behind a waiter that went away': async ({ lock }, key) => {
    const held = hold(lock, key);
    await held.granted;
    const abort = new AbortController();
    const gone = lock.run(key, abort.signal, async () => undefined).catch(() => undefined);
    const behind = later(lock.run(key, never(), async () => 'served'));
    await turns(3);
    abort.abort();
    await gone;
    held.release();
    same(await behind, 'served', 'the result of the task behind it');
    await held.done;
  },
  'is not moved by an abort after the lock was granted': async ({ lock }, key) => {
    const abort = new AbortController();
    const held = hold(lock, key, abort.signal);
    const lease = await held.granted;
    abort.abort();
    const after = later(
      lock.run(key, never(), async () => same(held.released, true, 'whether the holder had released:')),
    );
    await sleep(20);
    same(lease.signal.aborted, false, 'whether the lease was aborted');
    held.release();
    same(await held.done, 'held', 'the result of the holder');
    await after;
  },
};

const leases: Promises<LockUnderTest> = {
  'does not abort a lease while it holds': async ({ lock }, key) => {
    await lock.run(key, never(), async ({ signal }) => {
      await sleep(30);
      same(signal.aborted, false, 'whether the lease was aborted');
    });
  },
  'is free after whatever has happened to it': async ({ lock }, key) => {
    for (let round = 0; round < 5; round++) {
      const abort = new AbortController();
      const runs = Promise.allSettled([
        lock.run(key, never(), async () => turns(round)),
        lock.run(key, abort.signal, () => Promise.reject(new Error('of the task'))),
        lock.run(key, abort.signal, async () => turns(1)),
        lock.run(key, AbortSignal.abort(), async () => undefined),
      ]);
      await turns(round);
      abort.abort();
      await runs;
    }
    same(await lock.run(key, never(), async () => 'free'), 'free', 'the result of the next task');
  },
};

const acrossContexts: Promises<LockUnderTest> = {
  'lets one task in at a time across contexts, however they interleave': async (subject, key) => {
    await interleave([subject.lock, secondOf(subject)], key);
  },
  'makes another context wait until the lock is released': async (subject, key) => {
    const held = hold(subject.lock, key);
    await held.granted;
    const other = later(secondOf(subject).run(key, never(), async () => held.released));
    await sleep(20);
    held.release();
    same(await other, true, 'whether the first context had released when the second was let in:');
    await held.done;
  },
};

const growing: Promises<LockUnderTest> = {
  'gives every grant a higher fence than the one before, in every context': async (subject, key) => {
    let last = Number.NEGATIVE_INFINITY;
    for (let round = 0; round < 6; round++) {
      const lock = round % 2 > 0 && subject.second ? subject.second : subject.lock;
      const fence = await lock.run(key, never(), async (lease) => lease.fence);
      if (!(Number(fence) > last)) throw new Error(`Expected a fence above ${last}, got ${fence}.`);
      last = Number(fence);
    }
  },
};

/** Asks for the lock, and gives a function that throws if the task has run. */
async function neverRuns(lock: Lock, key: string, signal: AbortSignal): Promise<() => void> {
  let ran = false;
  const task = async () => {
    ran = true;
  };
  const reason = await refused(() => lock.run(key, signal, task), 'an aborted wait');
  same(reason, signal.reason, 'what an aborted wait rejects with');
  const check = () => same(ran, false, 'whether the task of an aborted wait ran');
  check();
  return check;
}

/** Tasks of many lengths, begun at many moments, each of which reads, waits and writes. */
async function interleave(locks: readonly Lock[], key: string): Promise<void> {
  let inside = 0;
  let total = 0;
  const tasks = Array.from({ length: 24 }, async (_, index) => {
    await turns(index % 5);
    await locks[index % locks.length]?.run(key, never(), async () => {
      same(++inside, 1, 'how many tasks are inside at once');
      const before = total;
      if (index % 6 === 0) await sleep(2);
      else await turns(index % 4);
      total = before + 1;
      inside--;
    });
  });
  await Promise.all(tasks);
  same(total, tasks.length, 'how many tasks have counted themselves');
}
