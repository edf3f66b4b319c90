import { Semaphore } from 'async-mutex';
import type { Lock } from '../ports/lock.js';

/** One at a time in this process, in the order of asking. A holder lives as long as we do, so it is never taken over. */
export function inProcessLock(): Lock {
  const turns = new Map<string, { readonly semaphore: Semaphore; users: number }>();
  return {
    run: async (key, signal, task) => {
      const entry = turns.get(key) ?? { semaphore: new Semaphore(1), users: 0 };
      turns.set(key, entry);
      entry.users++;
      const turn = entry.semaphore.acquire();
      try {
        await granted(turn, signal);
        return await task({ signal: new AbortController().signal });
      } finally {
        // also a turn that comes after we gave up is handed on
        void turn.then(([, release]) => {
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
