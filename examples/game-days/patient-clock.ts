import type { Clock } from 'evertoken';

/** A clock with an end. */
export interface PatientClock extends Clock {
  /** Resolves after so much of its time. */
  pause(ms: number): Promise<void>;
  stop(): void;
}

const TICK_MS = 5;
/** More than this does not pass between two turns of the event loop. */
const MOST_MS = 20;

interface Task {
  readonly at: number;
  readonly run: () => void;
}

/**
 * The machine's clock, but one that waits for a machine that is too busy.
 *
 * What is measured on it is what servers and stores were told to take, and never that this process had to wait for the
 * processor: a busy machine does fewer refreshes a second, and no slower ones.
 */
export function patientClock(): PatientClock {
  let at = Date.now();
  let seenAt = performance.now();
  const tasks: Task[] = [];
  const timer = setInterval(() => {
    const now = performance.now();
    at += Math.min(now - seenAt, MOST_MS);
    seenAt = now;
    for (let next = tasks[0]; next && next.at <= at; next = tasks[0]) {
      tasks.shift();
      next.run();
    }
  }, TICK_MS);

  const clock: PatientClock = {
    now: () => Math.floor(at),
    after(delayMs, run) {
      const task = { at: at + Math.max(0, delayMs), run };
      let index = tasks.length;
      while ((tasks[index - 1]?.at ?? 0) > task.at) index--;
      tasks.splice(index, 0, task);
      return () => {
        const index = tasks.indexOf(task);
        if (index >= 0) tasks.splice(index, 1);
      };
    },
    pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
    stop: () => clearInterval(timer),
  };
  return clock;
}
