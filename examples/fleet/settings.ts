/**
 * Who does the work: the fleet, with jobs in the workers' own processes, on Redis, with BullMQ between, or on PostgreSQL;
 * or, to compare, no fleet: a delayed job for each session, in BullMQ or in pg-boss.
 */
export type Engine = (typeof ENGINES)[number];

/** What is run: `npm run fleet -- 60 --sessions 10000 --lifetime 36 --queue bullmq --calm`. */
export interface Settings {
  /** How long the fleet runs after the sessions were started. */
  readonly seconds: number;
  readonly sessions: number;
  /** How long access tokens live, in seconds. */
  readonly lifetime: number;
  readonly queue: Engine;
  /** Without the provider's bad days and the worker that is killed: for figures. */
  readonly calm: boolean;
  /** All engines one after the other, calm, and a table at the end. */
  readonly compare: boolean;
  /** Where the figures of `compare` go, as JSON. */
  readonly json: string | undefined;
}

export const LANES = ['crm', 'mail', 'files'] as const;
/** The provider with bad days. */
export const ILL = 'mail';
export const ENGINES = ['in-process', 'bullmq', 'postgres', 'delayed-jobs', 'pg-boss'] as const;

export const USAGE = `npm run fleet -- [seconds, default 40] [--sessions N, default 10000] [--lifetime seconds, default 60]
  [--queue ${ENGINES.join('|')}] [--calm] [--compare [--json FILE]]`;

/** Whether an engine keeps sessions in PostgreSQL, rather than in Redis. */
export function isOnPostgres(queue: Engine): boolean {
  return queue === 'postgres' || queue === 'pg-boss';
}

/** Reads the arguments; throws an error that says what was wrong. */
export function readSettings(words: readonly string[]): Settings {
  const settings = {
    seconds: 40,
    sessions: 10_000,
    lifetime: 60,
    queue: 'in-process' as Settings['queue'],
    calm: false,
    compare: false,
    json: undefined as string | undefined,
  };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--calm') settings.calm = true;
    else if (word === '--compare') settings.compare = true;
    else if (word === '--json') settings.json = rest.shift();
    else if (word === '--sessions') settings.sessions = positive(word, rest.shift());
    else if (word === '--lifetime') settings.lifetime = positive(word, rest.shift());
    else if (word === '--queue') settings.queue = queueOf(rest.shift());
    else settings.seconds = positive('seconds', word);
  }
  return settings;
}

/** The key of a session: its lane, and the customer. */
export function keyOf(index: number): string {
  return `${LANES[index % LANES.length]}/customer-${index}`;
}

export const laneOf = (key: string): string => key.split('/')[0] ?? '';

function queueOf(word: string | undefined): Settings['queue'] {
  const queue = ENGINES.find((one) => one === word);
  if (!queue) throw new Error(`Expected --queue to be one of ${ENGINES.join(', ')}, got ${word}.`);
  return queue;
}

function positive(name: string, word: string | undefined): number {
  const value = Number(word);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`Expected ${name} to be a whole number above 0, got ${word}.`);
  return value;
}
