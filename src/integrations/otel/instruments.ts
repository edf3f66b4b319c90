import type { AttributesLike, MeterLike } from './open-telemetry-like.js';
import { quietly } from './quietly.js';

/** Facts of one signal; those that are undefined are left out. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** A name is a contract: to change one is a breaking change. */
export type InstrumentName =
  | 'evertoken.refresh.duration'
  | 'evertoken.refresh.ends'
  | 'evertoken.refresh.request.duration'
  | 'evertoken.wait.duration'
  | 'evertoken.refresh.interval'
  | 'evertoken.token.lifetime'
  | 'evertoken.storage.operation.duration'
  | 'evertoken.lock.wait.duration'
  | 'evertoken.revocation.duration'
  | 'evertoken.session.starts'
  | 'evertoken.session.ends'
  | 'evertoken.session.count'
  | 'evertoken.request.rejections'
  | 'evertoken.storage.failures';

/** A histogram of seconds; or a counter, where there is a unit. */
type Instrument = readonly [
  /** Sets of attributes that are told apart; what comes after them is told as `_OTHER`. */
  most: number,
  description: string,
  unit?: string,
  /** An attribute, and values of it that exist from the start, at zero: an alert does not see the step from nothing to one. */
  by?: string,
  /** Some with an `error.type` behind a colon. */
  zero?: string,
];

const SHORT = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 15, 30];
const LONG = [1, 10, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400];

// At most 1 466 series, a histogram of 12 bounds being 15.
const INSTRUMENTS: Readonly<Record<InstrumentName, Instrument>> = {
  'evertoken.refresh.duration': [26, 'Refreshes, with lock, storage, attempts, delays'],
  'evertoken.refresh.request.duration': [22, 'Requests to the token endpoint'],
  'evertoken.wait.duration': [8, 'Callers who wait for an access token'],
  'evertoken.refresh.interval': [1, 'Between two refreshes of a session'],
  'evertoken.token.lifetime': [1, 'Of new access tokens'],
  'evertoken.storage.operation.duration': [12, 'Calls of the storage'],
  'evertoken.lock.wait.duration': [2, 'Waits for the lock'],
  'evertoken.revocation.duration': [4, 'Calls of the revoke function'],
  'evertoken.request.rejections': [30, 'Requests refused by servers', 'request'],
  'evertoken.refresh.ends': [
    20,
    'Refreshes by outcome',
    'refresh',
    'evertoken.refresh.outcome',
    'refreshed dropped ended:ERR_SESSION_REJECTED ended:ERR_SESSION_LOST failed:ERR_REFRESH_NETWORK failed:ERR_REFRESH_TIMEOUT failed:ERR_REFRESH_UNAVAILABLE failed:ERR_REFRESH_RESPONSE failed:ERR_REFRESH_CONFIG failed:ERR_REFRESH_INTERACTION failed:ERR_LOCK_TIMEOUT failed:ERR_LOCK_LOST failed:ERR_STORAGE_READ failed:ERR_STORAGE_WRITE failed:ERR_STORAGE_CORRUPT',
  ],
  'evertoken.storage.failures': [
    12,
    'Failures of the storage',
    'failure',
    'evertoken.storage.operation',
    'read:ERR_STORAGE_READ write:ERR_STORAGE_WRITE remove:ERR_STORAGE_WRITE',
  ],
  'evertoken.session.ends': [
    8,
    'Sessions ended',
    'session',
    'evertoken.session.end_reason',
    'ended peer replaced rejected:ERR_SESSION_REJECTED lost:ERR_SESSION_LOST expired:ERR_SESSION_EXPIRED',
  ],
  'evertoken.session.starts': [
    5,
    'Sessions begun or found',
    'session',
    'evertoken.session.from',
    'sign-in storage cookie grant peer',
  ],
  'evertoken.session.count': [2, 'Sessions here', 'session', 'evertoken.session.status', 'active waiting'],
};

/** Every instrument, made from the meter that there is. */
export interface Instruments {
  /** Milliseconds for a histogram, a difference for a counter. */
  record(name: InstrumentName, value: number, facts?: Facts): void;
  /** Looks whether there is another meter: the API has none that waits for its provider, as tracers and loggers do. */
  look(): void;
}

export function createInstruments(getMeter: () => MeterLike | undefined, fixed: AttributesLike): Instruments {
  const instruments = Object.fromEntries(
    Object.entries(INSTRUMENTS).map(([name, instrument]) => [name, prepare(name, instrument, fixed)]),
  );
  let meter: MeterLike | undefined;

  function look(): void {
    const found = quietly(getMeter);
    if (!found || found === meter) return;
    meter = found;
    for (const { make } of Object.values(instruments)) quietly(() => make(found));
  }

  return {
    look,
    record(name, value, facts = {}) {
      look();
      instruments[name]?.record(value, facts);
    },
  };
}

function prepare(name: string, [most, description, unit, by = '', zero]: Instrument, fixed: AttributesLike) {
  /** What was counted, by sets of attributes. */
  const sums = new Map<string, readonly [Facts, number]>();
  let tell: ((value: number, facts: Facts) => void) | undefined;

  function record(value: number, facts: Facts): void {
    const key = JSON.stringify(facts);
    const [, sum = 0] = sums.get(key) ?? [];
    const isKnown = sums.has(key) || sums.size < most;
    if (isKnown) sums.set(key, [facts, sum + value]);
    quietly(() => tell?.(value, isKnown ? facts : overflow(facts)));
  }

  function make(meter: MeterLike): void {
    tell = undefined;
    if (unit) {
      const isDifference = name.endsWith('count');
      const counter = meter[isDifference ? 'createUpDownCounter' : 'createCounter'](name, {
        description,
        unit: `{${unit}}`,
      });
      tell = (value, facts) => counter.add(value, attributesOf(facts, fixed));
      for (const set of zero?.split(' ') ?? []) {
        const [value, type] = set.split(':');
        record(0, { [by]: value, 'error.type': type });
      }
      // another meter begins with the sessions that are here
      if (isDifference) for (const [facts, sum] of sums.values()) tell(sum, facts);
    } else {
      const histogram = meter.createHistogram(name, {
        description,
        unit: 's',
        advice: { explicitBucketBoundaries: /interval|lifetime/.test(name) ? LONG : SHORT },
      });
      // a clock that is set back must not make a sum fall: readers take that for a new process
      tell = (value, facts) => histogram.record(Math.max(0, value) / 1_000, attributesOf(facts, fixed));
    }
  }
  return { record, make };
}

/** What is left of facts that are more than can be told apart: the outcome of a refresh, and that there was an error. */
function overflow(facts: Facts): Facts {
  return {
    'evertoken.refresh.outcome': facts['evertoken.refresh.outcome'],
    'evertoken.refresh.errand': facts['evertoken.refresh.errand'],
    'error.type': '_OTHER',
  };
}

/** Facts as attributes, with those of every signal. */
export function attributesOf(facts: Facts, fixed: AttributesLike): AttributesLike {
  return JSON.parse(JSON.stringify({ ...fixed, ...facts }));
}
