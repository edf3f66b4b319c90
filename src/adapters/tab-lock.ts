import { LockError } from '../errors.js';
import type { Channel } from '../ports/channel.js';
import type { Lock } from '../ports/lock.js';
import type { Registers } from '../ports/registers.js';

/** The current grant of the lock; overdue if the clock shows a time more than `holdMs` before or after `since`. */
interface Grant {
  readonly fence: number;
  readonly since: number;
  readonly holdMs: number;
  /** Whether the holder was first in the queue of Web Locks, which a tab leaves when it dies. */
  readonly first: boolean;
}

/** A place in the queue of Web Locks, or in the queue of this tab. */
interface Queue {
  /** Whether this is first; may stay `true` after the queue was left. */
  first: boolean;
  /** Whether all tabs use this queue. */
  shared: boolean;
  /** Waits until this is first, at most this long. */
  turn(delayMs: number): Promise<void>;
}

/**
 * One at a time for all tabs and workers of the origin.
 *
 * Combines two mechanisms, each for what the other lacks. A grant in a register, changed in one atomic step,
 * decides who holds the lock: in an insecure context as well, and against a holder that is frozen, from which it is
 * taken once that is past its `holdMs`. Web Locks give the turns: they keep the order, wake the next waiter at once,
 * and drop a tab that dies. A page that is left loses the lock, because it would keep it while in the back/forward cache.
 *
 * Without Web Locks, one waiter of each tab looks every 20 to 80 ms (hidden tabs once a second) and when the lock is
 * released, which `channel` tells; `ownQueue` says which waiter. A tab that died holds the lock until it is past its
 * `holdMs`. Without registers, or with dead ones, which reject with a `StorageError`, the queue decides alone; where that
 * is `ownQueue`, the lease says `exclusive: false`, unless `isAlone` knows that no other tab sees what is locked.
 */
export function tabLock(
  registers: Registers,
  ownQueue: Lock,
  channel: Channel,
  isAlone: () => boolean = () => false,
): Lock {
  const lines = new Map<string, Set<object>>(); // the waiters of this tab, first come, first served
  return {
    async run(key, signal, task, { holdMs = 15_000 } = {}) {
      if (signal.aborted) throw signal.reason;
      const over = new AbortController(); // aborts everything that this run has started
      const left = new AbortController(); // leaves the queue, and gives up the lock
      let giveBack = (): void => {};
      const leave = (): void => {
        left.abort();
        giveBack();
      };
      over.signal.addEventListener('abort', leave);
      globalThis.addEventListener?.('pagehide', leave, over);
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), over);
      });
      try {
        const queue = enterQueue(key, left.signal, ownQueue, channel);
        const line = lines.get(key) ?? new Set();
        lines.set(key, line.add(queue));
        const goAhead = (): void => {
          if (line.delete(queue) && line.size === 0) lines.delete(key);
        };
        over.signal.addEventListener('abort', goAhead);
        // Only one waiter of each tab polls: a hundred would overload the registers.
        const mayLook = (): boolean => queue.first || (queue.shared && line.values().next().value === queue);
        const { fence, since } = await Promise.race([
          acquire(registers, key, holdMs, queue, mayLook, over.signal),
          aborted,
        ]);
        goAhead();
        const lost = new AbortController();
        const timer = setTimeout(leave, holdMs);
        // The lock may be granted after the page was left.
        giveBack = () => {
          giveBack = () => {}; // once
          clearTimeout(timer);
          release(registers, key, fence).then(() => queue.shared || channel.announce(lockOf(key)));
          if (over.signal.aborted) return;
          lost.abort(new LockError('ERR_LOCK_LOST', `The page was left, or held the lock for more than ${holdMs} ms.`));
        };
        return await task({
          get signal() {
            // In a tab that was frozen, code runs before overdue timers, and another tab may have taken the lock over.
            if (Math.abs(Date.now() - since) > holdMs) leave();
            return lost.signal;
          },
          ...(fence ? { fence } : { exclusive: queue.shared || isAlone() }),
        });
      } finally {
        over.abort();
      }
    },
  };
}

/** The lock as held here; `fence` is 0 if there are no registers and the queue alone decides. */
type Held = Pick<Grant, 'fence' | 'since'>;

/** Waits for the lock. */
async function acquire(
  registers: Registers,
  key: string,
  holdMs: number,
  queue: Queue,
  mayLook: () => boolean,
  over: AbortSignal,
): Promise<Held> {
  // After this time a waiter that is not first checks whether the first one is frozen.
  let delayMs = 1_000;
  for (let failures = 0; ; ) {
    await queue.turn(delayMs);
    if (over.aborted) return { fence: 0, since: Date.now() };
    const { first } = queue;
    if (!mayLook()) {
      delayMs = 1_000;
      continue;
    }
    try {
      const { fence, since, leftMs } = await take(registers, key, holdMs, first && queue.shared);
      if (over.aborted) await release(registers, key, fence);
      if (over.aborted || fence) return { fence, since };
      delayMs = queue.first ? 20 + Math.random() * 60 : Math.min(leftMs, 500 + Math.random() * 500);
    } catch (error) {
      // The registers are missing, denied or dead, or have failed repeatedly.
      if (first && (/^(Reference|Type|Security|Storage)Error$/.test((error as Error).name) || ++failures > 2))
        return { fence: 0, since: Date.now() };
      delayMs = queue.first ? 20 : 1_000;
    }
  }
}

/** Takes the lock if it is free, in one atomic step. A result without `fence` says how long the holder has left. */
async function take(
  registers: Registers,
  key: string,
  holdMs: number,
  first: boolean,
): Promise<Held & { readonly leftMs: number }> {
  let held = { fence: 0, since: 0, leftMs: 0 };
  await registers<Grant>(lockOf(key), (grant) => {
    const since = Date.now();
    const leftMs = grant ? grant.holdMs - Math.abs(since - grant.since) : 0;
    held = { fence: 0, since, leftMs };
    // The holder was first in the queue too: being first now proves that it is gone.
    if (leftMs > 0 && !(first && grant?.first)) return grant;
    const fence = Math.max(since, (grant?.fence ?? 0) + 1); // grows even if the browser has dropped the register
    held = { fence, since, leftMs };
    return { fence, since, holdMs: holdMs + 100, first }; // a margin, because the task begins a little later
  });
  return held;
}

/** Never rejects: a grant that is not released expires. */
async function release(registers: Registers, key: string, fence: number): Promise<void> {
  try {
    await registers<Grant>(lockOf(key), (grant) => (grant?.fence === fence ? { ...grant, holdMs: 0 } : grant));
  } catch {}
}

function enterQueue(key: string, left: AbortSignal, ownQueue: Lock, channel: Channel): Queue {
  let wake = (): void => {};
  const queue: Queue = {
    first: false,
    shared: true,
    turn: (delayMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
  const beFirst = (shared: boolean): void => {
    Object.assign(queue, { first: true, shared });
    wake();
  };
  left.addEventListener('abort', () => beFirst(false));
  const granted = (): Promise<void> =>
    new Promise((resolve) => {
      left.addEventListener('abort', () => resolve());
      if (left.aborted) resolve();
      else beFirst(queue.shared);
    });
  const standAlone = async (): Promise<void> => {
    if (left.aborted) return;
    queue.shared = false;
    left.addEventListener(
      'abort',
      channel.subscribe(lockOf(key), () => queue.first && wake()),
    );
    return ownQueue.run(key, left, granted);
  };
  const locks = globalThis.navigator?.locks;
  (locks ? locks.request(key, { signal: left }, granted).catch(standAlone) : standAlone()).catch(() => {});
  return queue;
}

const lockOf = (key: string): string => `${key}:lock`;
