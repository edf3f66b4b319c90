import { createEventQueue, type Happening } from './event-queue.js';
import type { Random } from './random.js';

/** A sentence of BEHAVIOUR that did not hold. */
export interface Violation {
  readonly invariant: string;
  readonly detail: string;
  readonly at: number;
}

/** What every simulated world has: true time, what happens next, and what has gone wrong. */
export interface WorldBase {
  /** Milliseconds since the beginning, as nobody inside can see them. */
  now: number;
  /** No faults any more. */
  isCalm: boolean;
  schedule(delayMs: number, run: () => void): Happening;
  next(): Happening | undefined;
  /** Whether a fault happens here and now; counts it. */
  fails(kind: string, probability: number): boolean;
  count(kind: string): void;
  readonly faults: Map<string, number>;
  trace(line: () => string): void;
  violate(invariant: string, detail: string): void;
  readonly violations: Violation[];
}

/** `trouble`: how bad the world is, from 0 to 1. */
export function createWorldBase(random: Random, trouble: number, lines: string[] | undefined): WorldBase {
  const queue = createEventQueue();
  const world: WorldBase = {
    now: 0,
    isCalm: false,
    schedule: (delayMs, run) => queue.add(world.now + Math.max(0, delayMs), run),
    next: queue.next,
    fails: (kind, probability) => {
      if (world.isCalm || !random.chance(probability * trouble)) return false;
      world.count(kind);
      return true;
    },
    count: (kind) => void world.faults.set(kind, (world.faults.get(kind) ?? 0) + 1),
    faults: new Map(),
    trace: (line) => void lines?.push(`${(world.now / 1000).toFixed(3).padStart(9)}  ${line()}`),
    violate: (invariant, detail) => {
      world.trace(() => `VIOLATION ${invariant}: ${detail}`);
      world.violations.push({ invariant, detail, at: world.now });
    },
    violations: [],
  };
  return world;
}

/** One thing that happens after the other, until the world is over or a sentence did not hold; then the outcome. */
export function playSteps<T>(
  world: WorldBase,
  mostSteps: number,
  watch: {
    /** Before each step. */
    check?(): void;
    /** Whether it is over, with what would happen next. */
    isOver(next: Happening): boolean;
    /** At the end. */
    judge?(): void;
  },
  outcome: (steps: number) => T,
): Promise<T> {
  let steps = 0;
  return new Promise((resolve) => {
    const unhandled = (error: unknown) => world.violate('no unhandled rejection', String(error));
    process.on('unhandledRejection', unhandled);
    const end = () => {
      watch.judge?.();
      // rejections that nobody handled are told when nothing else is left to do
      setImmediate(() => {
        process.off('unhandledRejection', unhandled);
        resolve(outcome(steps));
      });
    };
    const step = () => {
      steps++;
      watch.check?.();
      if (steps > mostSteps) world.violate('no loops', `${steps} steps, and no end`);
      const happening = world.violations.length > 0 ? undefined : world.next();
      if (!happening || watch.isOver(happening)) return end();
      world.now = happening.at;
      happening.run?.();
      // behind every microtask that this step gives rise to
      queueMicrotask(() => process.nextTick(step));
    };
    // also where the first step begins outside of any promise: what built the world comes first
    queueMicrotask(() => process.nextTick(step));
  });
}
