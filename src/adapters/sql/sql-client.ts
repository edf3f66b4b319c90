import { OptionsError } from '../../errors.js';
import type { Statement, Value } from './statement.js';

/** What is called of a pool of pg (8 and later). */
export interface PgPoolLike {
  query(text: string, values: Value[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
  readonly totalCount: number;
}

/** What is called of a client of postgres.js (3 and later). */
export interface PostgresJsLike {
  unsafe(text: string, values: Value[]): PromiseLike<ArrayLike<unknown> & { readonly count: number | null }>;
  readonly begin: unknown;
}

/** What is called of a pool of mysql2 (3 and later), with promises or with callbacks. */
export type Mysql2PoolLike = Mysql2PromisePoolLike | { promise(): Mysql2PromisePoolLike };

/** A pool of `mysql2/promise`. */
export interface Mysql2PromisePoolLike {
  execute(text: string, values: Value[]): Promise<[unknown, unknown]>;
  readonly getConnection: unknown;
}

/** What is called of a database of node:sqlite or better-sqlite3. */
export interface SqliteLike {
  prepare(text: string): {
    all(...values: Value[]): unknown[];
    run(...values: Value[]): { readonly changes: number | bigint };
  };
  readonly exec: unknown;
}

/** A pool or database of one of the five clients; it is neither opened nor closed here. */
export type SqlLike = PgPoolLike | PostgresJsLike | Mysql2PoolLike | SqliteLike;

/** The databases, by the SQL that they speak. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** What a statement gave. */
export interface Outcome {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** How many rows were written. */
  readonly affected: number;
  /** What `last_insert_id()` was given; MySQL only. */
  readonly insertId: number;
}

/** A client that runs one statement at a time, each on any connection, and in no transaction. */
export interface SqlClient {
  readonly dialect: SqlDialect;
  /** Settles as the client of the application does. */
  run(statement: Statement): Promise<Outcome>;
}

/** Tells which client this is; throws an OptionsError for any other. Asks nothing of the database. */
export function sqlClient(db: SqlLike): SqlClient {
  const has = (...names: string[]) =>
    names.every((name) => typeof (Object(db) as Record<string, unknown>)[name] === 'function');
  if (typeof db === 'function' && has('unsafe', 'begin')) return postgresJs(db as unknown as PostgresJsLike);
  if (has('query') && typeof (db as PgPoolLike).totalCount === 'number') return pg(db as PgPoolLike);
  if (has('execute', 'getConnection') && !has('batch')) {
    return mysql2(
      has('promise') ? (db as { promise(): Mysql2PromisePoolLike }).promise() : (db as Mysql2PromisePoolLike),
    );
  }
  if (has('prepare', 'exec') && !has('batch') && !has('parallelize')) return sqlite(db as SqliteLike);
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected a pool of pg, postgres.js or mysql2, or a database of node:sqlite or better-sqlite3, ${came(db, has)}`,
  );
}

function came(db: unknown, has: (...names: string[]) => boolean): string {
  if (typeof db === 'string' || db instanceof URL)
    return 'got an address; make a pool of it: new Pool({ connectionString }).';
  if (has('then')) return 'got a promise; await it first.';
  if (has('selectFrom') || has('select', 'insert')) return 'got a query builder; hand over the pool that it was given.';
  if (has('raw') || has('$queryRawUnsafe')) return 'got an object of Knex or Prisma; hand over a pool of pg or mysql2.';
  if (has('query', 'connect'))
    return 'got a single connection, which is lost for ever when it breaks; hand over a pool.';
  if (has('batch', 'getConnection')) return 'got a pool of the mariadb package; hand over one of mysql2.';
  if (has('query', 'getConnection')) return 'got a pool of the mysql package; hand over one of mysql2.';
  if (has('parallelize'))
    return 'got a database of the sqlite3 package; hand over one of node:sqlite or better-sqlite3.';
  const name = Object(db) === db ? (db as object).constructor?.name : undefined;
  const what = name && /^\w{1,40}$/.test(name) && name !== 'Object' ? `an object of class ${name}` : typeof db;
  return `got ${what}. For another client, write a storage and a lock of your own.`;
}

/** PostgreSQL marks values by number, the others by a question mark. */
function textOf({ texts }: Statement, isNumbered = false): string {
  return texts.reduce((text, next, index) => `${text}${isNumbered ? `$${index}` : '?'}${next}`);
}

type Row = Record<string, unknown>;

function pg(pool: PgPoolLike): SqlClient {
  return {
    dialect: 'postgres',
    async run(statement) {
      const { rows, rowCount } = await pool.query(textOf(statement, true), [...statement.values]);
      return { rows: rows as Row[], affected: rowCount ?? 0, insertId: 0 };
    },
  };
}

function postgresJs(db: PostgresJsLike): SqlClient {
  return {
    dialect: 'postgres',
    async run(statement) {
      try {
        const rows = await db.unsafe(textOf(statement, true), [...statement.values]);
        return { rows: Array.from(rows) as Row[], affected: rows.count ?? 0, insertId: 0 };
      } catch (error) {
        // 3.4.9 loses a connection that is asked in the turn in which it closes, as may whoever hears of this one.
        await new Promise((resolve) => setTimeout(resolve));
        throw error;
      }
    },
  };
}

/** By `execute`: the values are neither in the text nor in an error, whatever the server's `sql_mode`. */
function mysql2(pool: Mysql2PromisePoolLike): SqlClient {
  return {
    dialect: 'mysql',
    async run(statement) {
      const [answer] = await pool.execute(textOf(statement), [...statement.values]);
      if (Array.isArray(answer)) return { rows: answer as Row[], affected: 0, insertId: 0 };
      const { affectedRows, insertId } = answer as { affectedRows: number; insertId: unknown };
      return { rows: [], affected: affectedRows, insertId: Number(insertId) };
    },
  };
}

function sqlite(db: SqliteLike): SqlClient {
  const prepared = new Map<string, ReturnType<SqliteLike['prepare']>>();
  return {
    dialect: 'sqlite',
    async run(statement) {
      const text = textOf(statement);
      const known = prepared.get(text) ?? db.prepare(text);
      prepared.set(text, known);
      if (/^select| returning /.test(text)) {
        const rows = known.all(...statement.values) as Row[];
        return { rows, affected: rows.length, insertId: 0 };
      }
      return { rows: [], affected: Number(known.run(...statement.values).changes), insertId: 0 };
    },
  };
}
