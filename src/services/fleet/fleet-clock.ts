import type { Clock } from '../../ports/clock.js';

/** Resolves after a delay, or as soon as the signal aborts. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done, { keepAlive: true });
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
}

/** Resolves when the work has, or when its time is up; rejects as the work does. */
export async function atMost(clock: Clock, boundMs: number, work: Promise<unknown>): Promise<void> {
  const isOver = new AbortController();
  try {
    await Promise.race([work, pause(clock, boundMs, isOver.signal)]);
  } finally {
    isOver.abort();
  }
}
