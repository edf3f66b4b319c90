import type { AttributesLike, MeterLike } from './open-telemetry-like.js';
import { quietly } from './quietly.js';

/** Facts of one signal; those that are undefined are left out. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** A name is a contract: to change one is a breaking change. */
export type InstrumentName =
  | 'evertoken.refresh.duration'
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
  readonly unit: string;
  readonly description: string;
  readonly bounds?: readonly number[];
  /** Sets of attributes that are told apart; what comes after them is told as `_OTHER`. */
  readonly most: number;
  /** Sets of attributes that exist from the start, at zero: an alert does not see the step from nothing to one. */
  readonly zero?: readonly Facts[];
}

const SHORT = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 15, 30];
const LONG = [1, 10, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400];

const END = 'evertoken.session.end_reason';
const OPERATION = 'evertoken.storage.operation';
const each = (name: string, values: string, more?: Facts): Facts[] =>
  values.split(' ').map((value) => ({ [name]: value, ...more }));

const histogram = (description: string, most: number, bounds = SHORT): Instrument => ({
  kind: 'createHistogram',
  unit: 's',
  description,
  bounds,
  most,
});
const counter = (unit: string, description: string, most: number, zero: readonly Facts[] = []): Instrument => ({
  kind: 'createCounter',
  unit,
  description,
  most,
  zero,
});

// At most 1 460 series, a histogram of 12 bounds being 15.
const INSTRUMENTS: Readonly<Record<InstrumentName, Instrument>> = {
  'evertoken.refresh.duration': histogram('One refresh with its lock, storage, attempts and delays.', 32),
  'evertoken.refresh.request.duration': histogram('One request to the token endpoint.', 24),
  'evertoken.wait.duration': histogram('Callers who did not get their access token at once.', 8),
  'evertoken.refresh.interval': histogram('The time between two refreshes of one session.', 1, LONG),
  'evertoken.token.lifetime': histogram('How long new access tokens live.', 1, LONG),
  'evertoken.storage.operation.duration': histogram('One call of the store that holds refresh tokens.', 12),
  'evertoken.lock.wait.duration': histogram('The time until the lock was granted.', 2),
  'evertoken.revocation.duration': histogram('One call of the revoke function.', 4),
  'evertoken.session.starts': counter(
    '{session}',
    'Sessions that began or were found here.',
    5,
    each('evertoken.session.from', 'sign-in storage cookie grant peer'),
  ),
  'evertoken.session.ends': counter('{session}', 'Sessions that ended here.', 8, [
    ...each(END, 'ended peer replaced'),
    ...['rejected', 'lost', 'expired'].flatMap((reason) =>
      each(END, reason, { 'error.type': `ERR_SESSION_${reason.toUpperCase()}` }),
    ),
  ]),
  'evertoken.session.count': {
    ...counter(
      '{session}',
      'Sessions here; waiting: refreshing fails.',
      2,
      each('evertoken.session.status', 'active waiting'),
    ),
    kind: 'createUpDownCounter',
  },
  'evertoken.request.rejections': counter('{request}', 'Requests that a server refused.', 30),
  'evertoken.storage.failures': counter('{failure}', 'What the manager made of a failing storage.', 12, [
    ...each(OPERATION, 'read', { 'error.type': 'ERR_STORAGE_READ' }),
    ...each(OPERATION, 'write remove', { 'error.type': 'ERR_STORAGE_WRITE' }),
  ]),
};

/** Every instrument, made from the meter that there is. */
export interface Instruments {
  /** Seconds for a histogram, a difference for a counter. */
  record(name: InstrumentName, value: number, facts?: Facts): void;
  /** Looks whether there is another meter: the API has none that waits for its provider, as tracers and loggers do. */
  look(): void;
}

export function createInstruments(getMeter: () => MeterLike | undefined, fixed: AttributesLike): Instruments {
  const seen = new Map<InstrumentName, Set<string>>();
  /** How many sessions are here by status; another meter begins with them. */
  const counts = new Map<string, readonly [Facts, number]>();
  let meter: MeterLike | undefined;
  let tell: Partial<Record<InstrumentName, (value: number, attributes: AttributesLike) => void>> = {};

  function make(name: InstrumentName): void {
    const { kind, unit, description, bounds, zero = [] } = INSTRUMENTS[name];
    const options = { unit, description, ...(bounds && { advice: { explicitBucketBoundaries: [...bounds] } }) };
    const instrument = meter?.[kind](name, options);
    if (!instrument) return;
    tell[name] = (value, attributes) =>
      'record' in instrument ? instrument.record(value, attributes) : instrument.add(value, attributes);
    for (const facts of zero) record(name, 0, facts);
  }

  function record(name: InstrumentName, value: number, facts: Facts = {}): void {
    const known = seen.get(name) ?? new Set();
    seen.set(name, known);
    const key = JSON.stringify(facts);
    if (known.size < INSTRUMENTS[name].most) known.add(key);
    const attributes = attributesOf(known.has(key) ? facts : overflow(facts), fixed);
    quietly(() => tell[name]?.(value, attributes));
    if (name === 'evertoken.session.count') counts.set(key, [facts, (counts.get(key)?.[1] ?? 0) + value]);
  }

  return {
    record,
    look() {
      const found = quietly(getMeter);
      if (!found || found === meter) return;
      meter = found;
      tell = {};
      for (const name of Object.keys(INSTRUMENTS) as InstrumentName[]) quietly(() => make(name));
      for (const [facts, value] of counts.values()) {
        quietly(() => tell['evertoken.session.count']?.(value, attributesOf(facts, fixed)));
      }
    },
  };
}

/** What is left of facts that are more than can be told apart: the outcome of a refresh, and that there was an error. */
function overflow(facts: Facts): Facts {
  const outcome = 'evertoken.refresh.outcome';
  return { [outcome]: facts[outcome], 'error.type': '_OTHER' };
}

/** Facts as attributes, with those of every signal. */
export function attributesOf(facts: Facts, fixed: AttributesLike): AttributesLike {
  const known = Object.entries(facts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...fixed, ...Object.fromEntries(known) };
}
