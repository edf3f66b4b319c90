import { OptionsError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import { createTurn, rest } from './settle.js';

const QUIET_TURNS = 12; // measured: a body read through msw and happy-dom's fetch needs two
const MOST_TURNS = 10_000; // a bound for code that never settles
const MOST_RESTS = 2_000; // each at least a millisecond; a bound for tracked work that waits for this clock
const LONGEST_DELAY_MS = 2_147_483_647;
const TASKS_PER_MOMENT = 10_000;

/** A clock that moves when the test says so; see {@link fakeClock}. */
export interface FakeClock extends Clock {
  /**
   * Lets time pass: runs the tasks that fall due, each at its own moment, in order.
   *
   * Before, between and after tasks, pending promise jobs run until nothing moves any more. Rejects with the error of
   * the first task that threw, when all have run, and at once when tasks go on scheduling each other without delay.
   */
  advance(ms: number): Promise<void>;
  /** Lets time pass until the clock shows this moment; rejects with an `OptionsError` for one that is past. */
  advanceTo(at: number): Promise<void>;
  /** Lets time pass until the next task is due and runs that one; `false` when there is none. */
  runNext(): Promise<boolean>;
  /**
   * Runs one task after the other until the promise settles, and settles as it does.
   *
   * Rejects when the promise would have to wait for a task more than `withinMs` (default 3 600 000) away.
   */
  runUntil<T>(promise: PromiseLike<T>, options?: { withinMs?: number }): Promise<T>;
  /** Lets pending promise jobs run, without any time passing; tasks stay where they are. */
  settle(): Promise<void>;
  /** Sets the wall clock, forwards or back. No task runs, and none becomes due sooner or later: they count elapsed time. */
  set(at: number): void;
  /**
   * Closes the laptop's lid: time passes, but no task runs. Those that fell due run late, with the next `advance`.
   *
   * For a machine whose timers stand still while it sleeps, use `set(now() + ms)`.
   */
  sleep(ms: number): void;
  /**
   * Makes `advance` and its like wait, in real time, until this work has settled; returns the same promise.
   *
   * For work that the event loop cannot see ahead, such as `crypto.subtle`, files and sockets. It must not wait for this clock.
   */
  track<T>(work: Promise<T>): Promise<T>;
  /** The moment the next task is due; undefined when there is none. Earlier than `now()` after a `sleep`. */
  readonly nextAt: number | undefined;
  /** How many tasks wait. */
  readonly pending: number;
  /** How many of them would keep a process running. */
  readonly pendingKeepAlive: number;
}

interface Task {
  readonly dueMs: number;
  readonly run: () => void;
  readonly keepAlive: boolean;
}

/**
 * Makes a clock that stands still until it is told to move, for `platform.clock`.
 *
 * `startAt` is in epoch milliseconds, default 2026-01-01T00:00:00Z.
 *
 * @example
 * const clock = fakeClock();
 * clock.after(1_000, () => console.log(clock.now()));
 * await clock.advance(1_000);
 */
export function fakeClock(startAt: number = Date.UTC(2026, 0, 1)): FakeClock {
  const timeline = createTimeline();
  const { settle, stir, track } = createSettler();
  let wallAt = finite(startAt, 'startAt'); // the wall clock when `elapsedMs` was 0
  let queue: Promise<unknown> = Promise.resolve();

  /** Runs movements of the clock one after another, also if the caller does not await them. */
  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  return {
    now: () => wallAt + timeline.elapsedMs,
    after: (delayMs, run, { keepAlive = false } = {}) => {
      stir();
      const cancel = timeline.add(delayMs, run, keepAlive);
      return () => {
        stir();
        cancel();
      };
    },
    settle,
    track,
    advance: (ms) => exclusively(() => pass(timeline, settle, duration(ms))),
    advanceTo: (at) =>
      exclusively(() => pass(timeline, settle, duration(finite(at, 'at') - wallAt - timeline.elapsedMs))),
    runNext: () => exclusively(() => runNext(timeline, settle)),
    runUntil: (promise, { withinMs = 3_600_000 } = {}) =>
      exclusively(() => runUntil(timeline, settle, promise, duration(withinMs))),
    set: (at) => {
      wallAt = finite(at, 'at') - timeline.elapsedMs;
    },
    sleep: (ms) => {
      timeline.elapsedMs += duration(ms);
    },
    get nextAt() {
      const [next] = timeline.tasks;
      return next && wallAt + next.dueMs;
    },
    get pending() {
      return timeline.tasks.length;
    },
    get pendingKeepAlive() {
      return timeline.tasks.filter(({ keepAlive }) => keepAlive).length;
    },
  };
}

interface Timeline {
  /** The time that tasks are due on; `set` does not change it. */
  elapsedMs: number;
  /** In the order in which they are due; at the same moment, in the order in which they were added. */
  readonly tasks: readonly Task[];
  add(delayMs: number, run: () => void, keepAlive: boolean): () => void;
  runFirst(): void;
}

function createTimeline(): Timeline {
  const tasks: Task[] = [];
  return {
    elapsedMs: 0,
    tasks,
    add(delayMs, run, keepAlive) {
      if (!(delayMs <= LONGEST_DELAY_MS)) {
        throw new OptionsError('ERR_OPTIONS', `Expected a delay of at most ${LONGEST_DELAY_MS} ms, got ${delayMs}.`);
      }
      const task: Task = { dueMs: this.elapsedMs + Math.max(0, delayMs), run, keepAlive };
      let index = tasks.length;
      while ((tasks[index - 1]?.dueMs ?? 0) > task.dueMs) index--;
      tasks.splice(index, 0, task);
      return () => {
        const index = tasks.indexOf(task);
        if (index >= 0) tasks.splice(index, 1);
      };
    },
    runFirst() {
      const task = tasks.shift();
      this.elapsedMs = Math.max(this.elapsedMs, task?.dueMs ?? 0);
      task?.run();
    },
  };
}

/** Runs promise jobs until the clock was not used for some turns and no tracked work is left. */
function createSettler(): { settle: () => Promise<void>; stir: () => void; track: FakeClock['track'] } {
  const turn = createTurn();
  let activity = 0;
  let tracked = 0;
  return {
    settle: async () => {
      let quiet = 0;
      let seen = activity;
      for (let count = 0; (quiet < QUIET_TURNS && count < MOST_TURNS) || tracked > 0; count++) {
        if (count > MOST_TURNS + MOST_RESTS) {
          throw new Error('Expected tracked work to settle; does it wait for this clock, or read a body that does?');
        }
        await (count < MOST_TURNS ? turn() : rest());
        quiet = seen === activity ? quiet + 1 : 0;
        seen = activity;
      }
    },
    stir: () => {
      activity++;
    },
    track: (work) => {
      tracked++;
      const done = () => {
        tracked--;
        activity++;
      };
      work.then(done, done);
      return work;
    },
  };
}

type Settle = () => Promise<void>;

async function pass(timeline: Timeline, settle: Settle, ms: number): Promise<void> {
  await settle();
  const endMs = timeline.elapsedMs + ms;
  const errors: unknown[] = [];
  let runs = 0;
  for (let task = timeline.tasks[0]; task && task.dueMs <= endMs; task = timeline.tasks[0]) {
    runs = task.dueMs > timeline.elapsedMs ? 1 : runs + 1;
    if (runs > TASKS_PER_MOMENT)
      throw new Error(`Expected time to pass, but ${TASKS_PER_MOMENT} tasks ran at one moment.`);
    try {
      timeline.runFirst();
    } catch (error) {
      errors.push(error);
    }
    await settle();
  }
  timeline.elapsedMs = Math.max(timeline.elapsedMs, endMs);
  await settle();
  if (errors.length > 0) throw errors[0];
}

async function runNext(timeline: Timeline, settle: Settle): Promise<boolean> {
  await settle();
  const found = timeline.tasks.length > 0;
  timeline.runFirst();
  await settle();
  return found;
}

async function runUntil<T>(timeline: Timeline, settle: Settle, promise: PromiseLike<T>, withinMs: number): Promise<T> {
  const limitMs = timeline.elapsedMs + withinMs;
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  for (await settle(); !settled; await settle()) {
    const [next] = timeline.tasks;
    if (!next) break; // No task is left: the promise waits for work outside this clock.
    if (next.dueMs > limitMs) {
      throw new Error(`Expected the promise to settle within ${withinMs} ms, but the next task is later than that.`);
    }
    timeline.runFirst();
  }
  return promise;
}

function finite(value: number, name: string): number {
  if (Number.isFinite(value)) return value;
  throw new OptionsError('ERR_OPTIONS', `Expected ${name} to be epoch milliseconds, got ${value}.`);
}

function duration(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected a duration of 0 ms or more, got ${ms}: time does not run backwards; use set().`,
  );
}
