import type { DueEntry } from '../../core/due.js';
import type { LanePause } from '../../core/lane.js';
import { sharedRows } from '../../core/shared-rows.js';
import { OptionsError, StorageError, type StorageErrorCode } from '../../errors.js';
import type { DueIndex, EndedSession, LaneCounts } from '../../ports/due-index.js';
import { claim, isHot, onceNow } from './sql-claim.js';
import type { SqlLike } from './sql-client.js';
import { checkKey, type SqlDatabase, type SqlOptions, sqlDatabase } from './sql-database.js';
import { dueColumns, entryColumns, keyColumn, list, type Row, readEntry, rowKey } from './sql-due-entry.js';
import type { SqlFault } from './sql-fault.js';
import { changes, inserts } from './sql-storage.js';
import { type Statement, sql, whole } from './statement.js';

/** See {@link sqlDueIndex}. */
export interface SqlDueIndexOptions extends SqlOptions {
  /**
   * How old the figures of a lane may be, in milliseconds: counting a million rows takes a while. Default 5 000.
   *
   * What is due is looked up every time, and so are pauses.
   */
  countEveryMs?: number;
}

const COUNT_EVERY_MS = 5_000;

/**
 * The due index of a fleet in the rows of `sqlStorage`, shared by all its processes; see `evertoken/fleet`.
 *
 * With `indexed(sqlStorage(db), sqlDueIndex(db))` a session and its due moment change in one statement. Time is the
 * database's own. The tables are those of `sqlSchema`. Rejects with a `StorageError`.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: another client, or another option
 */
export function sqlDueIndex(db: SqlLike, options: SqlDueIndexOptions = {}): DueIndex {
  const database = sqlDatabase<SqlDueIndexOptions>('sqlDueIndex', db, options, ['countEveryMs']);
  const { countEveryMs = COUNT_EVERY_MS } = options;
  if (!(typeof countEveryMs === 'number' && countEveryMs >= 0 && countEveryMs < Number.POSITIVE_INFINITY)) {
    throw new OptionsError('ERR_OPTIONS', 'Expected countEveryMs to be a number of milliseconds from 0.');
  }
  const { sessions, ended: endedTable, run } = database;
  const read = async (statement: Statement) => (await run(statement).catch(fail('ERR_STORAGE_READ'))).rows;
  const write = (statement: Statement) => run(statement).catch(fail('ERR_STORAGE_WRITE'));
  const columns = entryColumns(database);
  const index: DueIndex = {
    async put(key, entry) {
      checkKey(key);
      await putEntry(database, rowKey(key), entry).catch(fail('ERR_STORAGE_WRITE'));
    },
    async get(key) {
      const [row] = await read(
        sql`select ${columns} from ${sessions} where session_key = ${rowKey(key)} and due_at is not null`,
      );
      return row && readEntry(row);
    },
    async touch(keys, at) {
      if (keys.length === 0) return;
      const moment = Math.floor(at);
      await write(
        sql`update ${sessions} set used_at = ${moment}, urgent = case when urgent < 0 then 0 else urgent end where session_key in (${list(keys.map(rowKey))}) and used_at < ${moment}`,
      );
    },
    async remove(key, ended) {
      if (ended) await addEnded(database, key, ended).catch(fail('ERR_STORAGE_WRITE'));
      await write(sql`update ${sessions} set due_at = null, urgent = 0, stuck = 0 where session_key = ${rowKey(key)}`);
    },
    claim: (lane, { limit, forMs, hotForMs }) =>
      claim(database, lane, Math.floor(limit), Math.ceil(forMs), hotForMs).catch(fail('ERR_STORAGE_WRITE')),
    async pause(lane, pause) {
      await putPause(database, lane, JSON.stringify(pause)).catch(fail('ERR_STORAGE_WRITE'));
    },
    look: createLook(database, read, countEveryMs),
    async ended(limit) {
      const rows = await read(
        sql`select ${keyColumn(database)} as name, lane, reason, ended_at from ${endedTable} order by ended_at limit ${whole(limit)}`,
      );
      return rows.map(readEnded);
    },
    async acknowledge(keys) {
      if (keys.length > 0) await write(sql`delete from ${endedTable} where session_key in (${list(keys)})`);
    },
    async attention(limit) {
      const rows = await read(
        sql`select ${columns} from ${sessions} where stuck = 1 and due_at is not null limit ${whole(limit)}`,
      );
      return rows.map(readEntry);
    },
  };
  return Object.assign(index, { [sharedRows]: { db, prefix: options.prefix } });
}

async function putEntry(database: SqlDatabase, key: string, entry: DueEntry): Promise<void> {
  const { dialect, sessions, run } = database;
  const { names, values, excluded, updates } = dueColumns(database, entry);
  const insert = sql`insert into ${sessions} (session_key${names}) values (${key}${values})`;
  if (dialect !== 'mysql') {
    await run(sql`${insert} on conflict (session_key) do update set fence = ${sessions}.fence${excluded}`);
    return;
  }
  const update = sql`update ${sessions} set writes = writes + 1${updates} where session_key = ${key}`;
  if (!(await changes(run, update)) && !(await inserts(run, insert))) await run(update);
}

async function addEnded(database: SqlDatabase, key: string, ended: { reason: string; at: number }): Promise<void> {
  const { sessions, ended: table } = database;
  const lane = sql`coalesce((select nullif(s.lane, '') from ${sessions} s where s.session_key = ${rowKey(key)}), 'default')`;
  const at = Math.floor(ended.at);
  await replace(database, {
    insert: sql`insert into ${table} (session_key, lane, reason, ended_at) values (${key}, ${lane}, ${ended.reason}, ${at})`,
    onConflict: sql`(session_key) do update set reason = excluded.reason, ended_at = excluded.ended_at`,
    update: sql`update ${table} set reason = ${ended.reason}, ended_at = ${at} where session_key = ${key}`,
  });
}

async function putPause(database: SqlDatabase, lane: string, pause: string): Promise<void> {
  const { lanes } = database;
  await replace(database, {
    insert: sql`insert into ${lanes} (lane, pause) values (${lane}, ${pause})`,
    onConflict: sql`(lane) do update set pause = excluded.pause`,
    update: sql`update ${lanes} set pause = ${pause} where lane = ${lane}`,
  });
}

/** Inserts a row, or updates the one that is there; MySQL has no `on conflict`. */
async function replace(
  { dialect, run }: SqlDatabase,
  { insert, onConflict, update }: Readonly<Record<'insert' | 'onConflict' | 'update', Statement>>,
): Promise<void> {
  if (dialect !== 'mysql') await run(sql`${insert} on conflict ${onConflict}`);
  else if (!(await inserts(run, insert))) await run(update);
}

/** Counts seldom, and looks for what is due and for pauses each time. */
function createLook(
  database: SqlDatabase,
  read: (statement: Statement) => Promise<readonly Row[]>,
  countEveryMs: number,
): DueIndex['look'] {
  const { sessions, lanes } = database;
  let counted: { readonly at: number; readonly counts: ReadonlyMap<string, LaneCounts> } | undefined;
  let counting: Promise<ReadonlyMap<string, LaneCounts>> | undefined;

  /** Many lanes look at the same time: they wait for one count together. */
  function count(): Promise<ReadonlyMap<string, LaneCounts>> {
    if (counted && performance.now() - counted.at < countEveryMs) return Promise.resolve(counted.counts);
    const own = counting ?? countNow();
    counting = countEveryMs > 0 ? own : undefined;
    const over = () => {
      if (counting === own) counting = undefined;
    };
    own.then(over, over);
    return own;
  }

  async function countNow(): Promise<ReadonlyMap<string, LaneCounts>> {
    const at = performance.now();
    const { ms } = database.now();
    const isOverdue = sql`due_at <= ${ms} and expires_at <= ${ms} and (urgent = 1 or ${isHot(ms, undefined)})`;
    const rows = await read(
      sql`select lane, count(*) as total, sum(case when due_at <= ${ms} then 1 else 0 end) as due, sum(case when ${isOverdue} then 1 else 0 end) as overdue, max(case when ${isOverdue} then ${ms} - expires_at else 0 end) as oldest, sum(stuck) as stuck from ${sessions} where due_at is not null group by lane`,
    );
    const counts = new Map(rows.map((row) => [String(row.lane), readCounts(row)]));
    counted = { at, counts };
    return counts;
  }

  return async (lane) => {
    const counts = await count();
    const only = lane === undefined ? sql`` : sql` where lane = ${lane}`;
    const pauses = new Map(
      (await read(sql`select lane, pause from ${lanes}${only}`)).map((row) => [
        String(row.lane),
        JSON.parse(String(row.pause)) as LanePause,
      ]),
    );
    const names = lane === undefined ? new Set([...counts.keys(), ...pauses.keys()]) : [lane];
    return Promise.all(
      [...names].map(async (name) => {
        const figures = counts.get(name) ?? readCounts({ lane: name });
        const [isAnyDue] = await read(
          sql`select 1 as found from ${sessions} where lane = ${name} and due_at <= ${onceNow(database)} limit 1`,
        );
        return { ...figures, due: isAnyDue ? Math.max(1, figures.due) : 0, paused: pauses.get(name) };
      }),
    );
  };
}

function readCounts({ lane, total, due, overdue, oldest, stuck }: Row): LaneCounts {
  const number = (value: unknown) => Number(value ?? 0);
  return {
    lane: String(lane),
    total: number(total),
    due: number(due),
    overdue: number(overdue),
    oldestOverdueMs: number(oldest),
    attention: number(stuck),
  };
}

function readEnded({ name, lane, reason, ended_at: at }: Row): EndedSession {
  return { key: String(name), lane: String(lane), reason: String(reason), at: Number(at) };
}

function fail(code: StorageErrorCode): (fault: SqlFault) => never {
  return ({ name, code: reason, text }) => {
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write';
    throw new StorageError(code, `Could not ${action} the due index in the database: ${text}`, {
      cause: { name, code: reason },
    });
  };
}
