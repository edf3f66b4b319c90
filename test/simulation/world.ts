import { drawProofs, type ProofCircumstances } from './proof-circumstances.js';
import { createRandom, type Random } from './random.js';
import { type Theme, themeOf } from './themes.js';
import { createWorldBase, type WorldBase } from './world-base.js';

/** What a seed stands for; drawn once, before anything happens. */
export interface Circumstances {
  /** Peers at most; from one to six. */
  readonly peers: number;
  /** `fenced`: taken over from a holder past its time, with fences. `takeover`: without. `plain`: never taken over. `shared`: no real lock. */
  readonly lock: 'fenced' | 'takeover' | 'plain' | 'shared';
  /** The lock of a peer that dies is free at once. */
  readonly freesOnCrash: boolean;
  readonly isCookie: boolean;
  /** Storage answers without a promise, as localStorage does. */
  readonly isSyncStorage: boolean;
  /** Announcements always arrive. */
  readonly hasChannel: boolean;
  /** The server rotates refresh tokens, strictly. */
  readonly rotates: boolean;
  /** Milliseconds; undefined: the server does not say. */
  readonly lifetimeMs: number | undefined;
  readonly proactive: boolean;
  /** Mean time between two things that a user of one peer does, in milliseconds. */
  readonly paceMs: number;
  /** How bad the world is, from 0 to 1. */
  readonly trouble: number;
  /** The refresh function gives up when it is told to. */
  readonly heedsSignal: boolean;
  /** Listeners throw, and call back. */
  readonly hasRudeListeners: boolean;
  /** Every second lock comes late. */
  readonly hasSlowGrants: boolean;
  /** The server says in an ID token whose tokens these are. */
  readonly hasIdTokens: boolean;
  /** False: the scope `offline_access` was forgotten. */
  readonly givesRefreshTokens: boolean;
  /** False: no refresh behind a token that was served. */
  readonly background: boolean;
  /** From this moment on the storage is dead, for good; undefined: never. */
  readonly storageDiesAt: number | undefined;
  /** It says so itself, by `fault`. */
  readonly isDeathTold: boolean;
  /** Access tokens for another API are asked for as well (`forResource`). */
  readonly hasErrands: boolean;
  /** Sessions are bound to keys, and requests carry proofs; undefined: to none. */
  readonly proofs: ProofCircumstances | undefined;
}

/** Time, chance, and what is known of both. */
export interface World extends WorldBase {
  readonly seed: number;
  readonly random: Random;
  /** Chance for the managers, which draw from it as they please. */
  readonly ownRandom: Random;
  /** Chance for what has to do with other APIs: a world without them is what it was before there were any. */
  readonly otherRandom: Random;
  /** The same for what has to do with proofs. */
  readonly boundRandom: Random;
  readonly circumstances: Circumstances;
  /** What this world has more of than others; undefined: nothing. */
  readonly theme: Theme | undefined;
  /** What has to be added to `now` for the clock on the wall; jumps. */
  wallOffset: number;
  wall(): number;
  /** The clock was set back at least once. */
  wasSetBack: boolean;
  /** When the clock last jumped, in true time. */
  jumpedAt: number;
  /** What survives every page. */
  readonly marks: Map<string, string>;
  /** Since when, in true time. */
  calmAt: number;
}

/** The time on the servers when a world begins, and on the wall; the clock on the wall jumps. */
export const START_AT = 1_800_000_000_000;

export function createWorld(seed: number, lines: string[] | undefined, themeName?: string): World {
  const random = createRandom(seed);
  const otherRandom = createRandom(seed ^ 0x2f6e2b1d);
  const boundRandom = createRandom(seed ^ 0x1b873593);
  const drawn = withProofs(withErrands(draw(random), otherRandom), boundRandom);
  const theme = themeName === undefined ? undefined : themeOf(themeName);
  const circumstances = { ...drawn, ...theme?.circumstances(random) };
  const base = createWorldBase(random, circumstances.trouble, lines);
  const world: World = Object.assign(base, {
    seed,
    random,
    ownRandom: createRandom(seed ^ 0x5bd1e995),
    otherRandom,
    boundRandom,
    circumstances,
    theme,
    wallOffset: START_AT,
    wall: () => world.now + world.wallOffset,
    wasSetBack: false,
    jumpedAt: Number.NEGATIVE_INFINITY,
    marks: new Map<string, string>(),
    calmAt: Number.POSITIVE_INFINITY,
  });
  world.trace(() => `seed ${seed}: ${JSON.stringify(world.circumstances)}`);
  return world;
}

type Drawn = Omit<Circumstances, 'hasErrands' | 'proofs'>;

function withProofs(drawn: Omit<Circumstances, 'proofs'>, random: Random): Circumstances {
  return { ...drawn, proofs: drawn.isCookie ? undefined : drawProofs(random) };
}

function withErrands(drawn: Drawn, random: Random): Drawn & Pick<Circumstances, 'hasErrands'> {
  return { ...drawn, hasErrands: !drawn.isCookie && drawn.givesRefreshTokens && random.chance(0.5) };
}

function draw(random: Random): Drawn {
  const peers = random.pick([1, 1, 2, 2, 3, 3, 4, 5, 6]);
  const isCookie = random.chance(0.1);
  return {
    peers,
    lock: random.weigh({ fenced: 4, takeover: 3, plain: 2, shared: 1 }),
    freesOnCrash: random.chance(0.6),
    isCookie,
    isSyncStorage: random.chance(0.15),
    hasChannel: random.chance(0.7),
    rotates: isCookie || random.chance(0.9),
    lifetimeMs:
      Number(random.weigh({ 5000: 1, 30000: 8, 120000: 15, 300000: 40, 900000: 15, 3600000: 8, 0: 10 })) || undefined,
    proactive: random.chance(0.75),
    paceMs: Number(random.weigh({ 2000: 2, 15000: 18, 45000: 40, 90000: 40 })),
    trouble: random.pick([0, 0.2, 0.5, 1]),
    heedsSignal: random.chance(0.6),
    hasRudeListeners: random.chance(0.2),
    hasSlowGrants: random.chance(0.2),
    hasIdTokens: random.chance(0.5),
    givesRefreshTokens: isCookie || random.chance(0.94),
    background: random.chance(0.85),
    storageDiesAt: random.chance(0.06) ? random.pick([0, random.between(0, 1_200_000)]) : undefined,
    isDeathTold: random.chance(0.5),
  };
}
