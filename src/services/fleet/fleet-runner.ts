import { pause } from './fleet-clock.js';
import { createLaneRuns, type Halves, type RunWorld } from './lane-runs.js';

/** Runs a fleet in this process, once at a time. */
export interface Runner {
  run(halves: Halves): Promise<void>;
  stop(): Promise<void>;
  isRunning(): boolean;
}

const LOOK_MS = 1_000;

/** `lanes`: those that are known from the start; others are found in the index. */
export function createRunner(world: RunWorld, lanes: readonly string[]): Runner {
  const { figures, clock, emitter, board } = world;
  let stopping = new AbortController();
  let ended: Promise<void> | undefined;

  async function watch(halves: Halves, signal: AbortSignal): Promise<void> {
    const runs = createLaneRuns(world, halves, signal);
    while (!signal.aborted) {
      for (const lane of lanes) runs.start(lane);
      try {
        for (const counts of await unless(signal, board.look(), [])) {
          if (signal.aborted) break;
          figures.note(counts);
          runs.start(counts.lane);
        }
      } catch (error) {
        emitter.emit('indexFailed', { at: clock.now(), operation: 'look', error });
      }
      await pause(clock, LOOK_MS, signal);
    }
    await runs.end();
  }

  return {
    run(halves) {
      if (ended) return ended;
      stopping = new AbortController();
      ended = watch(halves, stopping.signal).finally(() => {
        ended = undefined;
      });
      return ended;
    },
    async stop() {
      stopping.abort();
      await ended;
    },
    isRunning: () => ended !== undefined,
  };
}

/** What a promise resolves with, or something else as soon as the signal aborts. */
async function unless<T>(signal: AbortSignal, promise: Promise<T>, otherwise: T): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<T>((resolve) => {
    stop = () => resolve(otherwise);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
