import { drawBound } from './proof-circumstances.js';
import type { Random } from './random.js';
import type { Misfortune } from './trouble.js';
import type { Circumstances } from './world.js';

/** A kind of world that has more of some things than others, so that what is rare happens together. */
export interface Theme {
  /** What is not as it was drawn. */
  readonly circumstances: (random: Random) => Partial<Circumstances>;
  /** How often misfortunes happen, where that is not as usual. */
  readonly misfortunes: Partial<Readonly<Record<Misfortune, number>>>;
  /** How often `refresh()` is called, where that is not as usual. */
  readonly refreshes?: number;
  /** By how many milliseconds the clock jumps, where that is not as usual. */
  readonly jumpsMs?: readonly number[];
}

/** Several peers of one session that has no peace. */
const restless = (random: Random) => ({
  isCookie: false,
  givesRefreshTokens: true,
  peers: random.pick([2, 3, 5]),
  lifetimeMs: random.pick([30_000, 120_000]),
  paceMs: random.pick([2_000, 15_000]),
  storageDiesAt: undefined,
  trouble: 1,
});

/** Access tokens for several APIs, asked for by several peers of one session that has no peace. */
const otherApis: Theme = {
  circumstances: (random) => ({ ...restless(random), hasErrands: true }),
  misfortunes: { 'access revoked': 20, 'server trouble': 16, 'storage full': 10, 'clock jump': 0 },
};

/** Work ends with the answer, on a clock that is set back and forth. */
const cutOff: Theme = {
  circumstances: (random) => ({
    background: false,
    lifetimeMs: random.pick([30_000, 300_000]),
    paceMs: random.pick([2_000, 15_000]),
    trouble: 1,
  }),
  misfortunes: {
    'cut off': 30,
    'clock jump': 20,
    'peer reloaded': 1,
    'peer crashed': 1,
    'peer disposed': 0,
  },
  // what is dead by the clock comes by its moment again a little later
  jumpsMs: [-600_000, -120_000, -120_000, -30_000, 30_000, 120_000],
};

/** A cookie without a session, asked for in bad times. */
const nobodyYet: Theme = {
  circumstances: (random) => ({
    isCookie: true,
    hasErrands: false,
    proofs: undefined,
    peers: random.pick([2, 3, 5]),
    paceMs: random.pick([2_000, 15_000]),
    storageDiesAt: undefined,
    trouble: 1,
  }),
  misfortunes: { 'storage forgets': 12, 'server trouble': 30, 'peer reloaded': 12 },
  refreshes: 8,
};

/** Sessions that are bound to keys, while locks are lost and pages freeze. */
const bound: Theme = {
  circumstances: (random) => ({ proofs: drawBound(random), ...restless(random), lock: 'fenced' }),
  misfortunes: { 'lease lost': 40, 'peer frozen': 30, 'access revoked': 12, 'clock jump': 6 },
};

/** By the names that `--theme` takes. */
const themes: Readonly<Record<string, Theme>> = {
  'other-apis': otherApis,
  'cut-off': cutOff,
  'nobody-yet': nobodyYet,
  bound,
};

/** Throws where the name is none of the themes. */
export function themeOf(name: string): Theme {
  const theme = themes[name];
  if (!theme) throw new Error(`expected a theme, one of ${Object.keys(themes).join(', ')}, got ${name}`);
  return theme;
}
