import type { ClaimedEntry } from '../../ports/due-index.js';
import type { SqlDatabase } from './sql-database.js';
import { entryColumns, type Row, readEntry } from './sql-due-entry.js';
import { TURN_SQL } from './sql-schema.js';
import { raw, type Statement, sql, whole } from './statement.js';

/**
 * Up to so many more than are wanted are looked at. Where fewer are due, their order is exact; beyond, it is that of the
 * ones whose turn comes first, so that a claim costs the same however many are due.
 */
const LOOKED_AT = 5;
const LEAST = 300;
const TURN: Statement = raw(TURN_SQL);

/** Moves what is due and comes first in a lane, and returns it. */
export async function claim(
  database: SqlDatabase,
  lane: string,
  limit: number,
  forMs: number,
  hotForMs: number | undefined,
): Promise<readonly ClaimedEntry[]> {
  const { dialect, sessions, run } = database;
  const now = onceNow(database);
  const order = sql`urgent desc, case when ${isHot(now, hotForMs)} then 0 else 1 end, coalesce(expires_at, due_at)`;
  const columns = sql`${entryColumns(database)}, case when ${isHot(now, hotForMs)} then 0 else 1 end as is_unused`;
  if (dialect === 'mysql') {
    // MySQL tells nothing of the rows that it has written: they get a name of this claim
    const name = crypto.randomUUID();
    await run(
      sql`update ${sessions} set due_at = ${now} + ${forMs}, claim = ${name} where lane = ${lane} and due_at <= ${now} order by ${order} limit ${whole(limit)}`,
    );
    return sorted((await run(sql`select ${columns} from ${sessions} where claim = ${name}`)).rows);
  }
  const skip = dialect === 'postgres' ? sql` for update skip locked` : sql``;
  const { rows } = await run(
    sql`${candidates(database, lane, limit, now)} update ${sessions} set due_at = ${now} + ${forMs} where session_key in (select session_key from ${sessions} where session_key in (select session_key from candidates) and lane = ${lane} and due_at <= ${now} order by ${order} limit ${whole(limit)}${skip}) returning ${columns}`,
  );
  const isWaste = rows.length === limit && rows.some((row) => Number(row.is_unused) === 1 && Number(row.urgent) === 0);
  if (isWaste) await standBack(database, lane, limit, hotForMs);
  return sorted(rows);
}

/** Among whom the claim chooses: the first ones by their moment, and where there are many, the first ones of each class. */
function candidates({ sessions }: SqlDatabase, lane: string, limit: number, now: Statement): Statement {
  const most = LOOKED_AT * limit + LEAST;
  const ofClass = (urgent: number, count: number) =>
    sql` union select session_key from (select session_key from ${sessions} where (select count(*) from first_due) >= ${whole(most)} and lane = ${lane} and urgent = ${raw(String(urgent))} and due_at is not null order by ${TURN} limit ${whole(count)}) as class`;
  const firstDue = sql`select session_key from ${sessions} where lane = ${lane} and due_at <= ${now} order by due_at limit ${whole(most)}`;
  return sql`with first_due as materialized (${firstDue}), candidates as (select session_key from first_due${ofClass(1, 4 * limit)}${ofClass(0, most)}${ofClass(-1, 4 * limit)})`;
}

/** Unused sessions that are in front of those in use go behind them, until they are used or written: `urgent` below 0. */
async function standBack(
  database: SqlDatabase,
  lane: string,
  limit: number,
  hotForMs: number | undefined,
): Promise<void> {
  const { dialect, sessions, run } = database;
  const now = onceNow(database);
  const skip = dialect === 'postgres' ? sql` for update skip locked` : sql``;
  const front = sql`select session_key from ${sessions} where lane = ${lane} and urgent = 0 and due_at is not null order by ${TURN} limit ${whole(LOOKED_AT * limit + LEAST)}`;
  await run(
    sql`update ${sessions} set urgent = -1 where session_key in (select session_key from ${sessions} where session_key in (select session_key from (${front}) as front) and urgent = 0 and due_at <= ${now} and not (${isHot(now, hotForMs)})${skip})`,
  );
}

/** The time as one value: an index is searched for that, and not for a clock that may show something else each time. */
export function onceNow(database: SqlDatabase): Statement {
  const { ms } = database.now();
  return database.dialect === 'postgres' ? sql`(select ${ms})` : ms;
}

/** Whether a session counts as used, at a moment. */
export function isHot(ms: Statement, hotForMs: number | undefined): Statement {
  const longest = sql`case when coalesce(lifetime_ms, 0) > 3600000 then lifetime_ms else 3600000 end`;
  return sql`used_at + ${hotForMs === undefined ? longest : raw(String(Math.floor(hotForMs)))} > ${ms}`;
}

/** In the order of the claim, which `returning` does not keep. */
function sorted(rows: readonly Row[]): readonly ClaimedEntry[] {
  const rank = (row: Row) => (Number(row.urgent) === 1 ? 0 : 1 + Number(row.is_unused));
  const entries = rows.map((row) => ({ rank: rank(row), entry: readEntry(row) }));
  entries.sort((a, b) => a.rank - b.rank || (a.entry.expiresAt ?? a.entry.at) - (b.entry.expiresAt ?? b.entry.at));
  return entries.map(({ entry }) => entry);
}
