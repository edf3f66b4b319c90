import type { Clock } from '../ports/clock.js';

/** How long after a sleep what came in it may still be heard. */
const WAKE_MS = 1_000;

/**
 * The outcome of some work, or a rejection with `expire()` when it takes longer than `limitMs`; a second more after a sleep.
 *
 * The work itself goes on; `late` is called with what it comes to, when it succeeds after the deadline.
 */
export function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  work: () => T | PromiseLike<T>,
  expire: () => unknown,
  late?: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const giveUp = () => {
      isLate = true;
      reject(expire());
    };
    const startedAt = clock.now();
    // after a sleep, timers run before what came in it is heard
    const hasOverslept = () => clock.now() - startedAt >= limitMs + WAKE_MS;
    let cancel = clock.after(limitMs, () => {
      if (hasOverslept()) cancel = clock.after(WAKE_MS, giveUp);
      else giveUp();
    });
    new Promise<T>((done) => done(work()))
      .then((value) => {
        if (isLate) late?.(value);
        resolve(value);
      })
      .catch(reject)
      .finally(() => cancel());
  });
}
