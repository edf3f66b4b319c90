import { describe, expect, it, test } from 'vitest';
import type { Lease, Lock } from '../../src/index.js';
import { fakeClock, type LockUnderTest, lockContract, peers } from '../../src/testing.js';

const ALL = { shared: true, fences: true, takesOver: true };

function sound(): LockUnderTest & { second: Lock } {
  const clock = fakeClock();
  const [first, second] = peers(2, { clock, fences: true });
  return { lock: first.platform.lock, second: second.platform.lock, elapse: (ms) => clock.advance(ms) };
}

describe('a lock in memory, on a fake clock', () => {
  for (const check of lockContract(sound, { ...ALL, holdMs: 50 })) test(check.name, check.run);
});

describe('a lock in memory, on the real clock', () => {
  const make = () => {
    const [first, second] = peers(2);
    return { lock: first.platform.lock, second: second.platform.lock };
  };
  for (const check of lockContract(make, { shared: true, takesOver: true, holdMs: 50 })) test(check.name, check.run);
});

type Task<T> = (lease: Lease) => Promise<T>;
interface Parts {
  lock: Lock;
  second?: Lock;
}
type Break = (sound: { lock: Lock; second: Lock }) => Parts;

/** A lock that does something else with what it is given. */
function changed(
  lock: Lock,
  run: <T>(key: string, signal: AbortSignal, task: Task<T>, options: { holdMs?: number }) => Promise<T>,
): Lock {
  return { run: (key, signal, task, options = {}) => run(key, signal, task, options ?? lock) };
}

/** The same change on both sides. */
function both(change: (lock: Lock) => Lock): Break {
  return ({ lock, second }) => ({ lock: change(lock), second: change(second) });
}

const lost = () => new AbortController();

/** For each check, a lock that breaks this very promise. */
const broken: Record<string, Break> = {
  'passes the result of the task through': both((lock) =>
    changed(lock, async (key, signal, task, options) => {
      await lock.run(key, signal, task, options);
      return undefined as never;
    }),
  ),
  'passes the error of the task through': both((lock) =>
    changed(lock, (key, signal, task, options) =>
      lock.run(key, signal, task, options).catch((error) => {
        throw new Error('Expected something else', { cause: error });
      }),
    ),
  ),
  'is free again after a task failed, or threw at once': () => ({ lock: forgetful() }),
  'lets one task in at a time, however they interleave': both((lock) =>
    changed(lock, (_key, _signal, task) => task({ signal: lost().signal })),
  ),
  'runs each of a hundred waiting tasks once': both((lock) => {
    let count = 0;
    return changed(lock, async (key, signal, task, options) => {
      const skip = ++count === 77;
      return lock.run(key, signal, skip ? async () => undefined as never : task, options);
    });
  }),
  'does not make one key wait for another': both((lock) =>
    changed(lock, (_key, signal, task, options) => lock.run('the only key', signal, task, options)),
  ),
  'lets a task take the lock of another key': both((lock) =>
    changed(lock, (_key, signal, task, options) => lock.run('the only key', signal, task, options)),
  ),
  'refuses a signal that is aborted already, with its reason, and runs nothing': both((lock) =>
    changed(lock, (key, signal, task, options) =>
      lock.run(key, signal.aborted ? lost().signal : signal, task, options),
    ),
  ),
  'lets a waiter go when it aborts, with its reason, and never runs its task': both((lock) =>
    changed(lock, (key, signal, task, options) =>
      Promise.race([
        lock.run(key, lost().signal, task, options),
        new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]),
    ),
  ),
  'serves those behind a waiter that went away': () => ({ lock: chained() }),
  'is not moved by an abort after the lock was granted': both((lock) =>
    changed(lock, (key, signal, task, options) => {
      const work = lock.run(key, signal, task, options);
      return Promise.race([
        work,
        new Promise<never>((_, reject) =>
          signal.addEventListener('abort', () => reject(new Error('Expected no abort'))),
        ),
      ]);
    }),
  ),
  'does not abort a lease while it holds': both((lock) =>
    changed(lock, (key, signal, task, options) =>
      lock.run(key, signal, () => task({ signal: AbortSignal.timeout(10) }), options),
    ),
  ),
  'is free after whatever has happened to it': () => ({ lock: forgetful() }),
  'lets one task in at a time across contexts, however they interleave': ({ lock }) => ({ lock, second: sound().lock }),
  'makes another context wait until the lock is released': ({ lock }) => ({ lock, second: sound().lock }),
  'gives every grant a higher fence than the one before, in every context': ({ lock }) => ({
    lock,
    second: sound().lock,
  }),
  'takes the lock from a holder that is past holdMs, and not before': both((lock) =>
    changed(lock, (key, signal, task, { holdMs = 0 }) => lock.run(key, signal, task, { holdMs: holdMs / 2 })),
  ),
  'tells the holder that it has lost the lock': both((lock) =>
    changed(lock, (key, signal, task, options) =>
      lock.run(key, signal, () => task({ signal: lost().signal }), options),
    ),
  ),
  'lets waiters take over one at a time': both((lock) =>
    changed(lock, async (key, signal, task, options) => {
      if (options.holdMs) return lock.run(key, signal, task, options);
      await lock.run(key, signal, async () => undefined); // takes over, and forgets to hold on
      return task({ signal: lost().signal });
    }),
  ),
  'does not let the end of a late holder release the lock of its successor': () => {
    const { lock, elapse } = unowned();
    return { lock, second: lock, elapse } as Parts;
  },
};

/** Does not release when a task fails. */
function forgetful(): Lock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: async (key, signal, task) => {
      const before = tails.get(key);
      let release = () => {};
      tails.set(
        key,
        new Promise<void>((resolve) => {
          release = resolve;
        }),
      );
      await before;
      signal.throwIfAborted();
      const result = await task({ signal: lost().signal });
      release();
      return result;
    },
  };
}

/** Each waits for the one before it to have run; one that went away never does. */
function chained(): Lock {
  let tail: Promise<unknown> = Promise.resolve();
  return {
    run: (_key, signal, task) => {
      const mine = tail.then(() =>
        signal.aborted ? new Promise<never>(() => undefined) : task({ signal: lost().signal }),
      );
      tail = mine.catch(() => undefined);
      return Promise.race([
        mine,
        new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]);
    },
  };
}

/** Knows that it is held, but not by whom; takes over by letting the holder's time run out. */
function unowned(): { lock: Lock; elapse: (ms: number) => Promise<void> } {
  const clock = fakeClock();
  let heldUntil: number | undefined;
  return {
    elapse: (ms) => clock.advance(ms),
    lock: {
      run: async (_key, _signal, task, { holdMs = 1_000 } = {}) => {
        while (heldUntil !== undefined && clock.now() < heldUntil)
          await new Promise((resolve) => setImmediate(resolve));
        heldUntil = clock.now() + holdMs;
        try {
          return await task({ signal: lost().signal });
        } finally {
          heldUntil = undefined;
        }
      },
    },
  };
}

describe('the contract sees a lock that', () => {
  it('breaks any of its promises', () => {
    expect(Object.keys(broken).sort()).toEqual(
      lockContract(sound, ALL)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it.each(Object.entries(broken))('does not keep this: %s', async (name, breaks) => {
    const make = () => {
      const whole = sound();
      return { ...whole, ...breaks(whole) };
    };
    const check = lockContract(make, { ...ALL, holdMs: 50, boundMs: 400 }).find((one) => one.name === name);
    await expect(check?.run()).rejects.toThrow('Expected');
  });

  it('claims to be shared and has no second side', async () => {
    const { lock } = sound();
    const check = lockContract(() => ({ lock }), { shared: true }).at(-1);
    await expect(check?.run()).rejects.toThrow('Expected the factory to give `second`');
  });
});
