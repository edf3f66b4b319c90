import type { Clock } from '../../src/index.js';

/**
 * The interval between two polls passes in these milliseconds; the ten seconds that one poll may take are those of the
 * machine.
 */
export function impatientClock(passesInMs: () => number = () => 0): Clock {
  let skippedMs = 0;
  return {
    now: () => Date.now() + skippedMs,
    after: (delayMs, task) => {
      const isInterval = delayMs < 10_000;
      const realMs = isInterval ? passesInMs() : delayMs;
      const pass = () => {
        skippedMs += delayMs - realMs;
        task();
      };
      const timer = setTimeout(pass, realMs);
      return () => clearTimeout(timer);
    },
  };
}
