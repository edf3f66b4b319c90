import type { Clock } from '../ports/clock.js';

/** Callers who wait for one outcome; each may leave on its own. */
export interface WaitingRoom<T> {
  /** Waits for the next `settle` or `refuse`; an abort rejects this caller alone, with the signal's reason. */
  join(signal: AbortSignal | undefined): Promise<T>;
  settle(value: T): void;
  refuse(error: unknown): void;
}

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

const MAX_DELAY_MS = 2_147_483_647;

/** While somebody waits, one timer keeps the process running; no other timer of ours does. */
export function createWaitingRoom<T>(clock: Clock): WaitingRoom<T> {
  let waiters = new Set<Waiter<T>>();
  let release: (() => void) | undefined;

  function leave(): void {
    if (waiters.size > 0) return;
    release?.();
    release = undefined;
  }

  function empty(): Iterable<Waiter<T>> {
    const all = waiters;
    waiters = new Set();
    leave();
    return all;
  }

  return {
    join: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(abortReason(signal));
        const abort = () => {
          waiters.delete(waiter);
          leave();
          waiter.reject(abortReason(signal));
        };
        const quit = () => signal?.removeEventListener('abort', abort);
        const waiter: Waiter<T> = signal
          ? {
              resolve: (value) => {
                quit();
                resolve(value);
              },
              reject: (error) => {
                quit();
                reject(error);
              },
            }
          : { resolve, reject };
        signal?.addEventListener('abort', abort);
        waiters.add(waiter);
        release ??= clock.after(MAX_DELAY_MS, () => undefined, { keepAlive: true });
      }),
    settle: (value) => {
      for (const waiter of empty()) waiter.resolve(value);
    },
    refuse: (error) => {
      for (const waiter of empty()) waiter.reject(error);
    },
  };
}

/** The reason of an abort; an `AbortError` where the runtime knows no reasons. */
export function abortReason(signal: AbortSignal | undefined): unknown {
  if (signal?.reason !== undefined) return signal.reason;
  const error = new Error('The operation was aborted.');
  error.name = 'AbortError';
  return error;
}
