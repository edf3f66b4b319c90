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

interface Instrument {
  readonly kind: 'createHistogram' | 'createCounter' | 'createUpDownCounter';
  /** Sets of attributes that are told apart; what comes after them is told as `_OTHER`. */
  readonly most: number;
  readonly description: string;
  readonly unit: string;
  readonly advice?: { explicitBucketBoundaries: number[] };
  /** Sets of attributes that exist from the start, at zero: an alert does not see the step from nothing to one. */
  readonly zero?: readonly Facts[];
}

const SHORT = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 15, 30];
const LONG = [1, 10, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400];

function histogram(most: number, description: string, explicitBucketBoundaries = SHORT): Instrument {
  return { kind: 'createHistogram', most, description, unit: 's', advice: { explicitBucketBoundaries } };
}

/** `zero`: values of this attribute, some with an `error.type` behind a colon. */
function counter(most: number, description: string, unit: string, name: string, zero: string): Instrument {
  const sets = zero.split(' ').map((set) => {
    const [value, type] = set.split(':');
    return { [name]: value, 'error.type': type };
  });
  return { kind: 'createCounter', most, description, unit: `{${unit}}`, zero: sets };
}

// At most 1 466 series, a histogram of 12 bounds being 15.
const INSTRUMENTS: Readonly<Record<InstrumentName, Instrument>> = {
  'evertoken.refresh.duration': histogram(26, 'Refreshes, with lock, storage, attempts, delays'),
  'evertoken.refresh.ends': counter(
    20,
    'Refreshes by outcome',
    'refresh',
    'evertoken.refresh.outcome',
    'refreshed dropped ended:ERR_SESSION_REJECTED ended:ERR_SESSION_LOST failed:ERR_REFRESH_NETWORK failed:ERR_REFRESH_TIMEOUT failed:ERR_REFRESH_UNAVAILABLE failed:ERR_REFRESH_RESPONSE failed:ERR_REFRESH_CONFIG failed:ERR_REFRESH_INTERACTION failed:ERR_LOCK_TIMEOUT failed:ERR_LOCK_LOST failed:ERR_STORAGE_READ failed:ERR_STORAGE_WRITE failed:ERR_STORAGE_CORRUPT',
  ),
  'evertoken.refresh.request.duration': histogram(22, 'Requests to the token endpoint'),
  'evertoken.wait.duration': histogram(8, 'Callers who wait for an access token'),
  'evertoken.refresh.interval': histogram(1, 'Between two refreshes of a session', LONG),
  'evertoken.token.lifetime': histogram(1, 'Of new access tokens', LONG),
  'evertoken.storage.operation.duration': histogram(12, 'Calls of the storage'),
  'evertoken.lock.wait.duration': histogram(2, 'Waits for the lock'),
  'evertoken.revocation.duration': histogram(4, 'Calls of the revoke function'),
  'evertoken.session.starts': counter(
    5,
    'Sessions begun or found',
    'session',
    'evertoken.session.from',
    'sign-in storage cookie grant peer',
  ),
  'evertoken.session.ends': counter(
    8,
    'Sessions ended',
    'session',
    'evertoken.session.end_reason',
    'ended peer replaced rejected:ERR_SESSION_REJECTED lost:ERR_SESSION_LOST expired:ERR_SESSION_EXPIRED',
  ),
  'evertoken.session.count': {
    ...counter(2, 'Sessions here', 'session', 'evertoken.session.status', 'active waiting'),
    kind: 'createUpDownCounter',
  },
  'evertoken.request.rejections': {
    kind: 'createCounter',
    most: 30,
    description: 'Requests refused by servers',
    unit: '{request}',
  },
  'evertoken.storage.failures': counter(
    12,
    'Failures of the storage',
    'failure',
    'evertoken.storage.operation',
    'read:ERR_STORAGE_READ write:ERR_STORAGE_WRITE remove:ERR_STORAGE_WRITE',
  ),
};

/** Every instrument, made from the meter that there is. */
export interface Instruments {
  /** Seconds for a histogram, a difference for a counter. */
  record(name: InstrumentName, value: number, facts?: Facts): void;
  /** Looks whether there is another meter: the API has none that waits for its provider, as tracers and loggers do. */
  look(): void;
}

export function createInstruments(getMeter: () => MeterLike | undefined, fixed: AttributesLike): Instruments {
  const made = Object.entries(INSTRUMENTS).map(([name, { kind, most, zero = [], ...options }]) => {
    /** What was counted, by sets of attributes. */
    const sums = new Map<string, readonly [Facts, number]>();
    let tell: ((value: number, facts: Facts) => void) | undefined;

    function record(value: number, facts: Facts): void {
      const key = JSON.stringify(facts);
      const [, sum] = sums.get(key) ?? [];
      const isKnown = sum !== undefined || sums.size < most;
      if (isKnown) sums.set(key, [facts, (sum ?? 0) + value]);
      quietly(() => tell?.(value, isKnown ? facts : overflow(facts)));
    }

    function make(meter: MeterLike): void {
      tell = undefined;
      const instrument = meter[kind](name, options);
      tell = (value, facts) => {
        const attributes = attributesOf(facts, fixed);
        // a clock that is set back must not make a sum fall: readers take that for a new process
        if ('record' in instrument) instrument.record(Math.max(0, value), attributes);
        else instrument.add(value, attributes);
      };
      for (const facts of zero) record(0, facts);
      // another meter begins with the sessions that are here
      if (kind === 'createUpDownCounter') for (const [facts, sum] of sums.values()) tell(sum, facts);
    }
    return [name, { record, make }] as const;
  });
  const instruments = Object.fromEntries(made);
  let meter: MeterLike | undefined;

  function look(): void {
    const found = quietly(getMeter);
    if (!found || found === meter) return;
    meter = found;
    for (const [, { make }] of made) quietly(() => make(found));
  }

  return {
    look,
    record(name, value, facts = {}) {
      look();
      instruments[name]?.record(value, facts);
    },
  };
}

/** What is left of facts that are more than can be told apart: the outcome of a refresh, and that there was an error. */
function overflow(facts: Facts): Facts {
  const left = Object.entries(facts).filter(([name]) => /outcome|errand/.test(name));
  return { ...Object.fromEntries(left), 'error.type': '_OTHER' };
}

/** Facts as attributes, with those of every signal. */
export function attributesOf(facts: Facts, fixed: AttributesLike): AttributesLike {
  const known = Object.entries({ ...fixed, ...facts }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as AttributesLike;
}
