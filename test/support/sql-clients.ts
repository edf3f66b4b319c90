import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import BetterSqlite3 from 'better-sqlite3';
import mysql from 'mysql2';
import mysqlPromise from 'mysql2/promise';
import { Pool } from 'pg';
import postgres from 'postgres';
import { type SqlDialect, type SqlLike, sqlSchema } from '../../src/adapters/sql.js';
import { hasMariadb, type MariadbServer, startMariadb } from './mariadb-server.js';
import { hasPostgres, type PostgresServer, startPostgres } from './postgres-server.js';

/** A pool of one of the clients, and a few words to the database itself. */
export interface SqlConnection {
  readonly db: SqlLike;
  /** Any statements, one after the other. */
  command(text: string): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** An engine and the client that speaks to it. */
export interface SqlEngine {
  readonly name: string;
  readonly dialect: SqlDialect;
  readonly isThere: boolean;
  start(): Promise<{ readonly server: unknown; stop(): Promise<void> }>;
  /** A pool of at most so many connections; of SQLite a connection of its own. */
  connect(server: never, options?: { connections?: number }): Promise<SqlConnection>;
}

/** Each statement of a schema. */
export const statementsOf = (schema: string): string[] => schema.split(';\n').filter(Boolean);

/** Makes the tables. */
export async function migrate({ command }: SqlConnection, dialect: SqlDialect, prefix?: string): Promise<void> {
  for (const text of statementsOf(sqlSchema(dialect, prefix === undefined ? {} : { prefix }))) await command(text);
}

export async function connectPg(server: PostgresServer, { connections = 10, ...rest } = {}): Promise<SqlConnection> {
  const { folder: host, user, database } = server;
  const pool = new Pool({ host, user, database, max: connections, connectionTimeoutMillis: 3_000, ...rest });
  pool.on('error', () => undefined); // it makes another connection
  return { db: pool, command: async (text) => (await pool.query(text)).rows, close: () => pool.end() };
}

export async function connectPostgresJs(server: PostgresServer, { connections = 10 } = {}): Promise<SqlConnection> {
  const { folder: host, user, database } = server;
  const pool = postgres({
    path: `${host}/.s.PGSQL.5432`,
    user,
    database,
    max: connections,
    onnotice: () => undefined,
    backoff: () => 0.1,
    fetch_types: false,
  });
  return {
    db: pool,
    command: async (text) => pool.unsafe(text),
    close: () => pool.end({ timeout: 1 }),
  };
}

const inMysql = ({ socketPath }: MariadbServer, connections: number, user = 'root') => ({
  socketPath,
  user,
  database: 'test',
  connectionLimit: connections,
});

export async function connectMysql2(
  server: MariadbServer,
  { connections = 10, user = 'root' } = {},
): Promise<SqlConnection> {
  const pool = mysqlPromise.createPool(inMysql(server, connections, user));
  return {
    db: pool,
    command: async (text) => (await pool.query(text))[0] as never,
    close: () => pool.end(),
  };
}

async function connectMysql2Callbacks(server: MariadbServer, { connections = 10 } = {}): Promise<SqlConnection> {
  const pool = mysql.createPool(inMysql(server, connections));
  return {
    db: pool,
    command: async (text) => (await pool.promise().query(text))[0] as never,
    close: () => pool.promise().end(),
  };
}

interface SqliteFile {
  readonly path: string;
}

function startSqlite() {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-sqlite-'));
  const server: SqliteFile = { path: join(folder, 'sessions.db') };
  return Promise.resolve({ server, stop: async () => rmSync(folder, { recursive: true, force: true }) });
}

const run = (db: { prepare(text: string): { all(): unknown[] }; exec(text: string): unknown }, text: string) => {
  if (/^select/i.test(text)) return db.prepare(text).all() as Record<string, unknown>[];
  db.exec(text);
  return [];
};

export async function connectNodeSqlite({ path }: SqliteFile): Promise<SqlConnection> {
  const db = new DatabaseSync(path);
  db.exec('pragma journal_mode = wal');
  return { db, command: async (text) => run(db, text), close: async () => db.close() };
}

export async function connectBetterSqlite3({ path }: SqliteFile): Promise<SqlConnection> {
  const db = new BetterSqlite3(path, { timeout: 0 });
  db.exec('pragma journal_mode = wal');
  return { db, command: async (text) => run(db, text), close: async () => void db.close() };
}

const ofPostgres = async () => {
  const server = await startPostgres();
  return { server, stop: server.stop };
};
const ofMariadb = async () => {
  const server = await startMariadb();
  return { server, stop: server.stop };
};

/** All engines by all clients. */
export const engines: readonly SqlEngine[] = [
  { name: 'PostgreSQL by pg', dialect: 'postgres', isThere: hasPostgres, start: ofPostgres, connect: connectPg },
  {
    name: 'PostgreSQL by postgres.js',
    dialect: 'postgres',
    isThere: hasPostgres,
    start: ofPostgres,
    connect: connectPostgresJs,
  },
  {
    name: 'MariaDB by mysql2/promise',
    dialect: 'mysql',
    isThere: hasMariadb,
    start: ofMariadb,
    connect: connectMysql2,
  },
  {
    name: 'MariaDB by mysql2',
    dialect: 'mysql',
    isThere: hasMariadb,
    start: ofMariadb,
    connect: connectMysql2Callbacks,
  },
  { name: 'SQLite by node:sqlite', dialect: 'sqlite', isThere: true, start: startSqlite, connect: connectNodeSqlite },
  {
    name: 'SQLite by better-sqlite3',
    dialect: 'sqlite',
    isThere: true,
    start: startSqlite,
    connect: connectBetterSqlite3,
  },
];
