import type { DueEntry } from '../../core/due.js';
import type { ClaimedEntry } from '../../ports/due-index.js';
import type { SqlDatabase } from './sql-database.js';
import { raw, type Statement, sql, type Value } from './statement.js';

/** A row, as a client gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** What an index entry is in columns, for each of the ways to write it. */
export interface DueColumns {
  /** `, lane, due_at, …`, for an insert. */
  readonly names: Statement;
  /** `, ?, ?, …`, in the same order. */
  readonly values: Statement;
  /** `, lane = excluded.lane, …`, after `on conflict`. */
  readonly excluded: Statement;
  /** `, lane = ?, …`, for an update. */
  readonly updates: Statement;
}

const NAMES = ['lane', 'due_at', 'expires_at', 'lifetime_ms', 'keep_alive_at', 'urgent', 'stuck'] as const;

/** The columns of an entry, or of none: the lane stays then. When a session was last used is kept in any case. */
export function dueColumns(
  database: SqlDatabase,
  entry: (Omit<DueEntry, 'lane'> & { lane?: string }) | null,
): DueColumns {
  const { at = null, expiresAt = null, lifetimeMs = null, keepAliveAt = null } = entry ?? {};
  const flags = [entry?.urgent ? 1 : 0, entry?.stuck ? 1 : 0];
  const all: Value[] = [
    entry?.lane ?? '',
    floor(at),
    floor(expiresAt),
    floor(lifetimeMs),
    floor(keepAliveAt),
    ...flags,
  ];
  const from = entry ? 0 : 1;
  const names = NAMES.slice(from);
  const values = all.slice(from);
  const { ms } = database.now();
  const used = entry ? sql`, used_at` : sql``;
  return {
    names: sql`${raw(names.map((name) => `, ${name}`).join(''))}${used}`,
    values: sql`${join(values.map((value) => sql`, ${value}`))}${entry ? sql`, ${ms}` : sql``}`,
    excluded: sql`${raw(names.map((name) => `, ${name} = excluded.${name}`).join(''))}${
      entry ? sql`, used_at = coalesce(${database.sessions}.used_at, excluded.used_at)` : sql``
    }`,
    updates: sql`${join(names.map((name, index) => sql`, ${raw(name)} = ${values[index] ?? null}`))}${
      entry ? sql`, used_at = coalesce(used_at, ${ms})` : sql``
    }`,
  };
}

/** What is selected of a row to make an entry of it. */
export function entryColumns(database: SqlDatabase): Statement {
  return sql`${keyColumn(database)} as name, used_at, ${raw(NAMES.join(', '))}`;
}

/** The key, as text: MySQL keeps it in bytes. */
export function keyColumn({ dialect }: SqlDatabase): Statement {
  return dialect === 'mysql' ? sql`convert(session_key using utf8mb4)` : sql`session_key`;
}

/** The storage's name of a session's row. */
export function rowKey(key: string): string {
  return `${PREFIX}${key}`;
}

/** The entry of a row. */
export function readEntry(row: Row): ClaimedEntry {
  const number = (name: string) => (row[name] === null || row[name] === undefined ? undefined : Number(row[name]));
  return {
    key: String(row.name).slice(PREFIX.length),
    lane: String(row.lane),
    at: number('due_at') ?? 0,
    expiresAt: number('expires_at'),
    lifetimeMs: number('lifetime_ms'),
    keepAliveAt: number('keep_alive_at'),
    usedAt: number('used_at') ?? 0,
    ...(Number(row.urgent) === 1 && { urgent: true }),
    ...(Number(row.stuck) === 1 && { stuck: true }),
  };
}

/** A list of values, for `in (…)`. */
export function list(values: readonly Value[]): Statement {
  return join(values.map((value, index) => (index === 0 ? sql`${value}` : sql`, ${value}`)));
}

const PREFIX = 'evertoken:';

function join(statements: readonly Statement[]): Statement {
  return statements.reduce((all, one) => sql`${all}${one}`, sql``);
}

function floor(value: number | null): number | null {
  return value === null ? null : Math.floor(value);
}
