import { Semaphore } from 'async-mutex';
import type { Clock } from '../ports/clock.js';
import type { Lock } from '../ports/lock.js';

/** A holder in the same process is usually alive, so it is waited for this many times its `holdMs`. */
const PATIENCE = 4;

interface Holder {
  readonly since: number;
  /** Takes the lock away. */
  oust(): void;
}

interface Entry {
  readonly semaphore: Semaphore;
  users: number;
  holder?: Holder | undefined;
}

/**
 * One at a time in this process, in the order of asking.
 *
 * A holder lives as long as the process, except on edge runtimes, which may cancel its work together with its request.
 * With a clock, a waiter takes the lock from a holder that is past four times its `holdMs`, after one more `holdMs`: the
 * machine may just have resumed, or its clock was set. One that holds it from the future is as overdue.
 */
export function inProcessLock(clock?: Clock): Lock {
  const now = () => clock?.now() ?? 0;
  const turns = new Map<string, Entry>();

  /** Takes the lock from the current holder when that is overdue; returns a function that cancels the takeover. */
  function watch(entry: Entry, holdMs: number): (() => void) | undefined {
    const { holder } = entry;
    if (!holder) return undefined;
    const leftMs = Math.max(holdMs, PATIENCE * holdMs - Math.abs(now() - holder.since));
    return clock?.after(leftMs, () => {
      if (entry.holder === holder) holder.oust();
    });
  }

  return {
    run: async (key, signal, task, options) => {
      const entry = turns.get(key) ?? { semaphore: new Semaphore(1), users: 0 };
      turns.set(key, entry);
      entry.users++;
      const cancel = options?.holdMs === undefined ? undefined : watch(entry, options.holdMs);
      const lease = new AbortController();
      const turn = entry.semaphore.acquire().then(([, release]) => {
        const holder = {
          since: now(),
          oust: () => {
            lease.abort();
            release();
          },
        };
        entry.holder = holder;
        return () => {
          if (entry.holder === holder) entry.holder = undefined;
          release();
        };
      });
      try {
        await granted(turn, signal);
        cancel?.();
        return await task({ signal: lease.signal });
      } finally {
        cancel?.();
        // A turn that is granted after the abort is passed on at once.
        void turn.then((release) => {
          release();
          if (--entry.users === 0) turns.delete(key);
        });
      }
    },
  };
}

function granted(turn: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    void turn.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
