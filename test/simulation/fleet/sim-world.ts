import { createEventQueue, type Happening } from '../event-queue.js';
import { createRandom, type Random } from '../random.js';
import type { Violation } from '../world.js';

/** A provider and the lane of its sessions. */
export interface LaneFacts {
  readonly name: string;
  readonly lifetimeMs: number;
  /** So long after its first use a refresh token may come again; 0: never. */
  readonly reuseWindowMs: number;
  /** A refresh token that is not used for so long ends, and the provider says so; undefined: it does not end. */
  readonly refreshLifetimeMs: number | undefined;
  /** Mean time until it answers. */
  readonly answerMs: number;
  readonly perSecond: number;
  readonly concurrency: number;
  readonly from: number;
  readonly until: number;
  readonly hotForMs: number;
  readonly keepAliveMs: number;
  readonly takeoverMs: number;
}

/** What a seed stands for; drawn once, before anything happens. */
export interface Circumstances {
  readonly processes: number;
  readonly lanes: readonly LaneFacts[];
  readonly sessions: number;
  /** How bad providers and everything else are, from 0 to 1. */
  readonly trouble: number;
  /** Processes die, freeze and are stopped. */
  readonly hasCrashes: boolean;
  /** Clocks are set forward and back, by up to an hour and a half. */
  readonly hasJumps: boolean;
  /** Index, storage and lock fail. */
  readonly hasFaults: boolean;
  /** How long a lock stays with a process that died. */
  readonly leaseMs: number;
  /** Announcements arrive. */
  readonly hasChannel: boolean;
  /** Mean time between two things that happen to sessions, in milliseconds. */
  readonly paceMs: number;
}

/** Time, chance, and what is known of both. */
export interface SimWorld {
  readonly seed: number;
  readonly random: Random;
  /** Chance for the code under test, which draws from it as it pleases. */
  readonly ownRandom: Random;
  readonly circumstances: Circumstances;
  /** Milliseconds since the beginning, as nobody inside can see them. */
  now: number;
  /** What a clock shows that is right. */
  wall(): number;
  /** No faults any more. */
  isCalm: boolean;
  /** When a fault of this kind was last, in true time. */
  lastAt(kind: FaultKind): number;
  disturb(kind: FaultKind): void;
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

/** `fault`: something shared failed or was slow. `crash`: a process died, froze or was stopped. `jump`: a clock was set. */
export type FaultKind = 'fault' | 'crash' | 'jump';

const START_AT = 1_800_000_000_000;

export function createSimWorld(seed: number, lines: string[] | undefined): SimWorld {
  const random = createRandom(seed);
  const queue = createEventQueue();
  const last = new Map<FaultKind, number>();
  const world: SimWorld = {
    seed,
    random,
    ownRandom: createRandom(seed ^ 0x2545f491),
    circumstances: draw(random),
    now: 0,
    wall: () => START_AT + world.now,
    isCalm: false,
    lastAt: (kind) => last.get(kind) ?? Number.NEGATIVE_INFINITY,
    disturb: (kind) => void last.set(kind, world.now),
    schedule: (delayMs, run) => queue.add(world.now + Math.max(0, delayMs), run),
    next: queue.next,
    fails: (kind, probability) => {
      if (world.isCalm || !random.chance(probability * world.circumstances.trouble)) return false;
      world.count(kind);
      return true;
    },
    count: (kind) => void world.faults.set(kind, (world.faults.get(kind) ?? 0) + 1),
    faults: new Map(),
    trace: (line) => {
      lines?.push(`${(world.now / 1000).toFixed(3).padStart(9)}  ${line()}`);
    },
    violate: (invariant, detail) => {
      world.trace(() => `VIOLATION ${invariant}: ${detail}`);
      world.violations.push({ invariant, detail, at: world.now });
    },
    violations: [],
  };
  world.trace(() => `seed ${seed}: ${JSON.stringify(world.circumstances)}`);
  return world;
}

function draw(random: Random): Circumstances {
  const lanes = random.pick([1, 1, 2, 3]);
  return {
    processes: random.pick([1, 2, 2, 3, 4]),
    lanes: Array.from({ length: lanes }, (_, index) => drawLane(random, `lane${index + 1}`)),
    sessions: Number(random.weigh({ 4: 4, 10: 8, 24: 3, 70: 0.6 })),
    trouble: random.pick([0, 0.3, 1, 1]),
    hasCrashes: random.chance(0.6),
    hasJumps: random.chance(0.35),
    hasFaults: random.chance(0.5),
    leaseMs: random.pick([1_000, 3_000]),
    hasChannel: random.chance(0.7),
    paceMs: random.pick([1_500, 5_000, 15_000]),
  };
}

function drawLane(random: Random, name: string): LaneFacts {
  const lifetimeMs = random.pick([50_000, 90_000, 150_000]);
  const keepsAlive = random.chance(0.5);
  return {
    name,
    lifetimeMs,
    reuseWindowMs: random.pick([0, 10_000, 30_000]),
    refreshLifetimeMs: keepsAlive && random.chance(0.4) ? 300_000 : undefined,
    answerMs: random.pick([30, 200]),
    perSecond: random.pick([3, 10, 40]),
    concurrency: random.pick([2, 8]),
    from: 0.5,
    until: random.pick([0.7, 0.8]),
    hotForMs: keepsAlive ? 100_000 : 3_600_000,
    keepAliveMs: keepsAlive ? random.pick([240_000, 3_600_000]) : 3_600_000,
    takeoverMs: random.pick([2_000, 5_000]),
  };
}
