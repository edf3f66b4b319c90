import { parentPort } from 'node:worker_threads';
import { type Outcome, simulate } from './simulate.js';

/** A range of seeds to run; the second is not run. */
export interface Block {
  readonly from: number;
  readonly to: number;
  /** Stop at the first failure. */
  readonly stop?: boolean;
}

// what listeners throw is part of the play, and stack traces are not
Object.assign(globalThis, { reportError: () => undefined });
Error.stackTraceLimit = 0;

parentPort?.on('message', async ({ from, to, stop }: Block) => {
  const outcomes: Outcome[] = [];
  for (let seed = from; seed < to; seed++) {
    const outcome = await simulate(seed);
    outcomes.push(outcome);
    if (stop && outcome.violations.length > 0) break;
  }
  parentPort?.postMessage(outcomes);
});
