import type { Clock } from '../../ports/clock.js';

/** Resolves after a delay, or as soon as the signal aborts. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    // a timer of the system that is set for longer fires at once
    const cancel = clock.after(Math.min(delayMs, 2_147_483_647), done, { keepAlive: true });
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
