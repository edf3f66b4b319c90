import { parentPort } from 'node:worker_threads';
import type { Outcome } from './simulate.js';

/** A range of seeds to run; the second is not run. */
export interface Block {
  readonly from: number;
  readonly to: number;
  /** What its worlds have more of; undefined: whatever they draw. */
  readonly theme: string | undefined;
}

/** Runs one seed; tells what happens in `lines`, if there are any. */
export type Simulate = (seed: number, lines?: string[], theme?: string) => Promise<Outcome>;

/** Runs the seeds that the parent asks for, in a worker thread. */
export function answerBlocks(simulate: Simulate): void {
  // what listeners throw is part of the play, and stack traces are not
  Object.assign(globalThis, { reportError: () => undefined });
  Error.stackTraceLimit = 0;
  parentPort?.on('message', async ({ from, to, theme }: Block) => {
    const outcomes: Outcome[] = [];
    for (let seed = from; seed < to; seed++) outcomes.push(await simulate(seed, undefined, theme));
    parentPort?.postMessage(outcomes);
  });
}
