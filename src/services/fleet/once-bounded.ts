import type { Clock } from '../../ports/clock.js';
import { atMost } from './fleet-clock.js';

/** Runs a task once at a time: whoever asks meanwhile waits for the same; `after` follows the task, or the bound. */
export function onceBounded(
  clock: Clock,
  boundMs: number,
  task: () => Promise<unknown>,
  after: () => void,
): () => Promise<void> {
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    try {
      await atMost(clock, boundMs, task());
    } finally {
      after();
      running = undefined;
    }
  }

  return () => {
    running ??= run();
    return running;
  };
}
