import type { Clock } from '../ports/clock.js';

/**
 * The outcome of some work, or a rejection with `expire()` when it takes longer than `limitMs`.
 *
 * The work itself goes on; `late` hears of a success that nobody waited for.
 */
export function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  work: () => T | PromiseLike<T>,
  expire: () => unknown,
  late?: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const cancel = clock.after(limitMs, () => {
      isLate = true;
      reject(expire());
    });
    new Promise<T>((done) => done(work()))
      .then((value) => {
        if (isLate) late?.();
        resolve(value);
      })
      .catch(reject)
      .finally(cancel);
  });
}
