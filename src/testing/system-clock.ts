import type { Clock } from '../ports/clock.js';

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task, options) {
    const timer: unknown = setTimeout(task, delayMs);
    if (!options?.keepAlive) (timer as { unref?: () => void }).unref?.();
    return () => clearTimeout(timer as number);
  },
};
