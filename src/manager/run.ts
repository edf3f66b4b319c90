import type { Answer } from './answer.js';

/** One refresh, with all its attempts. */
export interface Run {
  /** The session was ended or replaced here: the refresh goes on alone, and nobody holds the lock for it. */
  isOver: boolean;
  /** Resolves when the run is over. */
  readonly detached: Promise<undefined>;
  detach(value: undefined): void;
  /** Ends the delay between two attempts. */
  wake(): void;
  inFlight: Promise<Answer> | undefined;
}

export function createRun(): Run {
  const run: Partial<Run> = { isOver: false, wake: () => undefined, inFlight: undefined };
  const detached = new Promise<undefined>((resolve) => {
    run.detach = resolve;
  });
  return { ...run, detached } as Run;
}
