import type { DueEntry } from '../../core/due.js';
import { sharedRows } from '../../core/shared-rows.js';
import { StorageError, type StorageErrorCode } from '../../errors.js';
import type { TokenStorage } from '../../ports/storage.js';
import type { SqlLike } from './sql-client.js';
import { checkKey, type SqlDatabase, type SqlOptions, sqlDatabase } from './sql-database.js';
import { dueColumns } from './sql-due-entry.js';
import type { SqlFault } from './sql-fault.js';
import { type Statement, sql } from './statement.js';

/** When a session is due, in columns of its row; see `setItem` of {@link SqlStorage}. The lane is `''` by default. */
export type DueMoment = Omit<DueEntry, 'lane'> & { readonly lane?: string };

/** Sessions in tables of a database. */
export interface SqlStorage extends TokenStorage {
  getItem(key: string): Promise<string | null>;
  /** Replaces the string; with `due`, its due moment in the same statement, which stays as it is otherwise. */
  setItem(key: string, value: string, options?: { fence?: number; due?: DueMoment }): Promise<void>;
  /** Removes the string and its due moment in one statement; the fence is remembered in the row. */
  removeItem(key: string, options?: { fence?: number }): Promise<void>;
  /** The keys of all values, in their order, a page at a time: what `reseal` goes through. */
  keys(): AsyncIterable<string>;
}

const PAGE = 500;

/**
 * Keeps sessions in a table of PostgreSQL, MariaDB, MySQL or SQLite, where many processes share them.
 *
 * Takes a pool of pg, postgres.js or mysql2, or a database of node:sqlite or better-sqlite3; open and close it yourself.
 * The tables are those of {@link sqlSchema}. Each call is one statement (in MySQL up to three) on any connection, in no
 * transaction, so that a pooler in transaction mode fits in front (of pg, not of postgres.js). A write or removal under a lock that was taken over in
 * the meantime is refused in the same statement that would have written it.
 *
 * Rejects with a `StorageError`; waits as long as the client does for a database that is down.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: another client, or another option
 */
export function sqlStorage(db: SqlLike, options: SqlOptions = {}): SqlStorage {
  const database = sqlDatabase('sqlStorage', db, options);
  const { sessions, run } = database;

  async function write(key: string, row: Row): Promise<void> {
    checkKey(key);
    const isWritten = await upsert(database, key, row).catch(fail('ERR_STORAGE_WRITE', key));
    if (isWritten) return;
    const message = `A write to ${key} came too late: its lock was taken over. What is stored is newer.`;
    throw new StorageError('ERR_STORAGE_WRITE', message);
  }

  const storage: SqlStorage = {
    async getItem(key) {
      const { rows } = await run(sql`select value from ${sessions} where session_key = ${key}`).catch(
        fail('ERR_STORAGE_READ', key),
      );
      const value = rows[0]?.value;
      return typeof value === 'string' ? value : null;
    },
    setItem: (key, value, given) => write(key, { value, fence: given?.fence, due: given?.due }),
    async removeItem(key, given) {
      if (given?.fence !== undefined) return write(key, { value: null, fence: given.fence, due: null });
      const empty = sql`update ${sessions} set value = null, lane = '', due_at = null, expires_at = null where session_key = ${key}`;
      await run(empty).catch(fail('ERR_STORAGE_WRITE', key));
    },
    async *keys() {
      const isBinary = database.dialect === 'mysql';
      const column = isBinary ? sql`convert(session_key using utf8mb4)` : sql`session_key`;
      for (let last = ''; ; ) {
        const page = sql`select ${column} as name from ${sessions} where session_key > ${last} and value is not null order by session_key limit 500`;
        const { rows } = await run(page).catch(fail('ERR_STORAGE_READ', 'the keys'));
        for (const { name } of rows) yield String(name);
        if (rows.length < PAGE) return;
        last = String(rows.at(-1)?.name);
      }
    },
  };
  return Object.assign(storage, { [sharedRows]: { db, prefix: options.prefix } });
}

interface Row {
  readonly value: string | null;
  readonly fence: number | undefined;
  /** Null takes the due moment away; undefined leaves it as it is. */
  readonly due: DueMoment | null | undefined;
}

/** Writes the row unless it was written under a newer fence; false then. */
async function upsert(database: SqlDatabase, key: string, { value, fence, due }: Row): Promise<boolean> {
  const { dialect, sessions, run } = database;
  const newest = fence ?? 0;
  const columns = due === undefined ? undefined : dueColumns(database, due);
  const { names = sql``, values = sql``, excluded = sql``, updates = sql`` } = columns ?? {};
  const insert = sql`insert into ${sessions} (session_key, value, fence${names}) values (${key}, ${value}, ${newest}${values})`;
  if (dialect !== 'mysql') {
    const isNewest = fence === undefined ? sql`` : sql` where ${sessions}.fence <= excluded.fence`;
    const newer = dialect === 'sqlite' ? sql`max` : sql`greatest`;
    const { affected } = await run(
      sql`${insert} on conflict (session_key) do update set value = excluded.value, fence = ${newer}(${sessions}.fence, excluded.fence)${excluded}${isNewest} returning fence`,
    );
    return affected > 0;
  }
  // `writes` changes with every write: MySQL may count only rows that were changed
  const isNewest = fence === undefined ? sql`` : sql` and fence <= ${fence}`;
  const update = sql`update ${sessions} set value = ${value}, fence = greatest(fence, ${newest}), writes = writes + 1${updates} where session_key = ${key}${isNewest}`;
  return (await changes(run, update)) || (await inserts(run, insert)) || (await changes(run, update));
}

/** Whether a statement has written a row. */
export async function changes(run: SqlDatabase['run'], statement: Statement): Promise<boolean> {
  return (await run(statement)).affected > 0;
}

/** Whether a new row was written; false where there was one of that key. */
export function inserts(run: SqlDatabase['run'], statement: Statement): Promise<boolean> {
  return run(statement).then(
    () => true,
    (fault: SqlFault) => {
      if (fault.isDuplicate) return false;
      throw fault;
    },
  );
}

function fail(code: StorageErrorCode, key: string): (fault: SqlFault) => never {
  return ({ name, code: reason, text }) => {
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write';
    const cause = { name, code: reason };
    throw new StorageError(code, `Could not ${action} ${key} in the database: ${text}`, { cause });
  };
}
