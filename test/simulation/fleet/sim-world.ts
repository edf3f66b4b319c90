import { createRandom, type Random } from '../random.js';
import { createWorldBase, type WorldBase } from '../world-base.js';

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

/** How often worlds have a theme; 0: only where it is asked for by name. */
const THEMES = { none: 14, crowd: 4, kills: 2, stops: 1, overload: 0 };
type ThemeName = keyof typeof THEMES;

/** What a seed stands for; drawn once, before anything happens. */
export interface Circumstances {
  readonly processes: number;
  readonly lanes: readonly LaneFacts[];
  readonly sessions: number;
  /** What this world has more of than others, so that rare things happen together. */
  readonly theme: ThemeName;
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
export interface SimWorld extends WorldBase {
  readonly seed: number;
  readonly random: Random;
  /** Chance for the code under test, which draws from it as it pleases. */
  readonly ownRandom: Random;
  readonly circumstances: Circumstances;
  /** What a clock shows that is right. */
  wall(): number;
  /** When a fault of this kind was last, in true time. */
  lastAt(kind: FaultKind): number;
  disturb(kind: FaultKind): void;
}

/** `fault`: something shared failed or was slow. `crash`: a process died, froze or was stopped. `jump`: a clock was set. */
export type FaultKind = 'fault' | 'crash' | 'jump';

const START_AT = 1_800_000_000_000;

export function createSimWorld(seed: number, lines: string[] | undefined, theme?: string): SimWorld {
  const random = createRandom(seed);
  const last = new Map<FaultKind, number>();
  const circumstances = draw(random, theme);
  const base = createWorldBase(random, circumstances.trouble, lines);
  const world: SimWorld = Object.assign(base, {
    seed,
    random,
    ownRandom: createRandom(seed ^ 0x2545f491),
    circumstances,
    wall: () => START_AT + world.now,
    lastAt: (kind: FaultKind) => last.get(kind) ?? Number.NEGATIVE_INFINITY,
    disturb: (kind: FaultKind) => void last.set(kind, world.now),
  });
  world.trace(() => `seed ${seed}: ${JSON.stringify(world.circumstances)}`);
  return world;
}

function themeNamed(name: string): ThemeName {
  if (name in THEMES) return name as ThemeName;
  throw new Error(`expected a theme, one of ${Object.keys(THEMES).join(', ')}, got ${name}`);
}

function draw(random: Random, wanted: string | undefined): Circumstances {
  const drawn = drawFreely(random);
  const drawnTheme = random.weigh(THEMES);
  const theme = wanted === undefined ? drawnTheme : themeNamed(wanted);
  if (theme === 'none') return drawn;
  const [first] = drawn.lanes;
  const lane: LaneFacts = {
    ...(first as LaneFacts),
    until: random.pick([0.55, 0.7]),
    perSecond: random.pick([10, 40]),
  };
  // processes end, and nothing else happens that would hide what comes of that
  const quiet = { ...drawn, theme, trouble: 1, hasJumps: false, hasFaults: false, hasCrashes: true };
  if (theme === 'kills') return { ...quiet, processes: random.pick([2, 3]), sessions: 24 };
  if (theme === 'stops') return { ...quiet, lanes: [{ ...lane, concurrency: 2, answerMs: 200 }], sessions: 70 };
  // many sessions in few hands, due at once: what brakes, rates and queues are for
  const slow = {
    ...lane,
    until: random.pick([0.51, 0.6]),
    perSecond: random.pick([20, 40]),
    concurrency: random.pick([2, 16]),
    answerMs: random.pick([200, 600]),
  };
  const hasJumps = random.chance(0.5);
  // answers that name a moment, and others that do not, beside each other
  const overload = { hasCrashes: false, hasJumps: false, lanes: [{ ...slow, concurrency: 16 }], sessions: 70 };
  if (theme === 'overload') return { ...quiet, ...overload };
  const few = { hasJumps, hasCrashes: !hasJumps && drawn.hasCrashes, processes: random.pick([1, 2, 2]) };
  return { ...quiet, ...few, lanes: [slow], sessions: 70 };
}

function drawFreely(random: Random): Circumstances {
  const lanes = random.pick([1, 1, 2, 3]);
  return {
    theme: 'none',
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
