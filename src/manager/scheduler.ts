import type { Clock } from '../ports/clock.js';

/** The proactive timer: one moment at a time, long waits in steps. */
export interface Scheduler {
  /** Runs the task at this moment, instead of whatever was planned before; never, for infinity. */
  plan(at: number): void;
  cancel(): void;
}

// A wall clock that is set right in between is noticed within half an hour, and no timer overflows.
const MAX_STEP_MS = 1_800_000;

export function createScheduler(clock: Clock, task: () => void): Scheduler {
  let cancel: (() => void) | undefined;

  function plan(at: number): void {
    cancel?.();
    cancel = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const plannedAt = clock.now();
    const delayMs = Math.min(Math.max(0, at - plannedAt), MAX_STEP_MS);
    cancel = clock.after(delayMs, () => {
      const now = clock.now();
      // a clock that was set back meanwhile does not put off what its own time has come for
      if (now < at && (now >= plannedAt || delayMs === MAX_STEP_MS)) plan(at);
      else task();
    });
  }

  return { plan, cancel: () => plan(Number.POSITIVE_INFINITY) };
}
