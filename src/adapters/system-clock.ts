import type { Clock } from '../ports/clock.js';

/** The system's time and timers; one without `keepAlive` does not keep Node running. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    after: (delayMs, task, options) => {
      const timer: unknown = setTimeout(task, delayMs);
      // Node and Bun give an object, browsers and React Native a number
      if (!options?.keepAlive) (timer as { unref?: () => void }).unref?.();
      return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
    },
  };
}
