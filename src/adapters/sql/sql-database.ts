import { OptionsError } from '../../errors.js';
import { checkOptions } from '../parts/check-options.js';
import { type Outcome, type SqlClient, type SqlDialect, type SqlLike, sqlClient } from './sql-client.js';
import { type SqlFault, sqlFault } from './sql-fault.js';
import { checkPrefix, SCHEMA_VERSION } from './sql-schema.js';
import { raw, type Statement, sql } from './statement.js';

/** See {@link sqlStorage} and {@link sqlLock}. */
export interface SqlOptions {
  /** What the names of all tables begin with, perhaps behind a schema's name and a dot. Default `'evertoken_'`. */
  prefix?: string;
}

/** The tables of one prefix in one database. */
export interface SqlDatabase {
  readonly dialect: SqlDialect;
  readonly sessions: Statement;
  readonly locks: Statement;
  readonly ended: Statement;
  readonly lanes: Statement;
  /** The clock of the database in epoch milliseconds and microseconds; of SQLite that of the machine. */
  now(): { readonly ms: Statement; readonly us: Statement };
  /** Runs a statement, again where it met with a deadlock or a busy file. Rejects with a {@link SqlFault}. */
  run(statement: Statement): Promise<Outcome>;
}

/** A session key longer than that is not taken: no index holds it. */
const LONGEST_KEY = 512;

/** How long a statement is tried again: a second less than the manager waits for a storage. */
const PASSING_MS = 4_000;

/** Makes the view of storage and lock on a database; asks nothing of it. Throws an OptionsError. */
export function sqlDatabase<T extends SqlOptions>(
  call: string,
  db: SqlLike,
  options: T,
  names: readonly (string & keyof T)[] = [],
): SqlDatabase {
  const client = sqlClient(db);
  const given = checkOptions<SqlOptions>(call, options, ['prefix', ...names] as never, `${call}(pool, { prefix })`);
  const prefix = checkPrefix(given.prefix);
  const { dialect } = client;
  let isChecked = false;

  async function run(statement: Statement): Promise<Outcome> {
    try {
      if (!isChecked) await check();
      return await attempt(client, statement);
    } catch (error) {
      const { isSchema, ...fault } = error as SqlFault;
      throw isSchema ? { ...fault, isSchema, text: missing(dialect, prefix) } : error;
    }
  }

  async function check(): Promise<void> {
    const { rows } = await attempt(client, sql`select max(version) as version from ${raw(`${prefix}schema`)}`);
    const version = Number(rows[0]?.version ?? 0);
    isChecked = version === SCHEMA_VERSION;
    if (isChecked) return;
    const text =
      version > SCHEMA_VERSION
        ? `its tables are of version ${version}, and this evertoken knows ${SCHEMA_VERSION}; update evertoken.`
        : missing(dialect, prefix);
    const fault = { name: 'Error', code: 'SCHEMA', isPassing: false, isSchema: false, isDuplicate: false, text };
    throw fault satisfies SqlFault;
  }

  return {
    dialect,
    sessions: raw(`${prefix}sessions`),
    locks: raw(`${prefix}locks`),
    ended: raw(`${prefix}ended`),
    lanes: raw(`${prefix}lanes`),
    now: () => clocks[dialect](),
    run,
  };
}

function missing(dialect: SqlDialect, prefix: string): string {
  const options = prefix === 'evertoken_' ? '' : `, { prefix: '${prefix}' }`;
  return `a table or column is not there. Run what sqlSchema('${dialect}'${options}) gives as a migration.`;
}

const clocks: Readonly<Record<SqlDialect, () => { ms: Statement; us: Statement }>> = {
  postgres: () => ({
    ms: raw('(extract(epoch from clock_timestamp()) * 1000)::bigint'),
    us: raw('(extract(epoch from clock_timestamp()) * 1000000)::bigint'),
  }),
  // in UTC: in the hour that a time zone has twice, unix_timestamp() guesses
  mysql: () => ({
    ms: raw("timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) div 1000"),
    us: raw("timestampdiff(microsecond, '1970-01-01', utc_timestamp(6))"),
  }),
  sqlite: () => ({ ms: sql`${Date.now()}`, us: sql`${Date.now() * 1_000}` }),
};

async function attempt(client: SqlClient, statement: Statement): Promise<Outcome> {
  const since = Date.now();
  for (;;) {
    try {
      return await client.run(statement);
    } catch (error) {
      const fault = sqlFault(error);
      if (!fault.isPassing || Math.abs(Date.now() - since) > PASSING_MS) throw fault;
      await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 20));
    }
  }
}

/** Refuses a key that no index holds; it is not quoted, as it may be something else. */
export function checkKey(key: string): void {
  if (key.length <= LONGEST_KEY) return;
  const message = `Expected a key of at most ${LONGEST_KEY} characters for SQL, got one of ${key.length}.`;
  throw new OptionsError('ERR_OPTIONS', message);
}
