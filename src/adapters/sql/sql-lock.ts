import { LockError } from '../../errors.js';
import type { Lock } from '../../ports/lock.js';
import { checkLease, leaseLock } from '../parts/lease-lock.js';
import type { SqlLike } from './sql-client.js';
import { checkKey, type SqlDatabase, type SqlOptions, sqlDatabase } from './sql-database.js';
import type { SqlFault } from './sql-fault.js';
import { changes, inserts } from './sql-storage.js';
import { sql } from './statement.js';

/** See {@link sqlLock}. */
export interface SqlLockOptions extends SqlOptions {
  /** Milliseconds after which the lock of a process that died is free; at least 100. Default 30 000. */
  leaseMs?: number;
}

/**
 * One holder at a time per key, among all processes that use this database.
 *
 * The lock is a row with a lease of `leaseMs` (default 30 000) on the database's clock, renewed while it is held, and
 * never longer than the task's `holdMs` (default 15 000) in all: no connection and no transaction is held while the task
 * runs. A process that dies blocks the others until its lease runs out. A holder that was paused past its lease learns of
 * it through the lease's signal, and its write is refused by `sqlStorage`.
 *
 * Rejects with a `LockError` when the database cannot be asked.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: another client, or another option
 */
export function sqlLock(db: SqlLike, options: SqlLockOptions = {}): Lock {
  const database = sqlDatabase<SqlLockOptions>('sqlLock', db, options, ['leaseMs']);
  const { locks, run } = database;
  return leaseLock(
    {
      async grab(key, owner, leaseMs) {
        checkKey(key);
        const fence = await grab(database, key, owner, leaseMs).catch(({ name, code, text }: SqlFault) => {
          const message = `Could not ask the database for the lock of ${key}: ${text}`;
          throw new LockError('ERR_LOCK_TIMEOUT', message, { cause: { name, code } });
        });
        return fence === undefined ? [false, Number.POSITIVE_INFINITY] : [true, fence];
      },
      extend: (key, owner, forMs) =>
        changes(
          run,
          sql`update ${locks} set leased_until = ${database.now().ms} + ${forMs} where session_key = ${key} and owner = ${owner}`,
        ),
      release: (key, owner) =>
        run(sql`update ${locks} set owner = null, leased_until = 0 where session_key = ${key} and owner = ${owner}`),
    },
    checkLease(options.leaseMs),
  );
}

/**
 * Takes the lease if it is free, has run out, or is this owner's; the fence then.
 *
 * The fence is the database's time in microseconds, and above that of the last lease and of the last write: it also
 * grows where the database has forgotten its leases in a crash, or its clock was set back.
 */
async function grab(database: SqlDatabase, key: string, owner: string, leaseMs: number): Promise<number | undefined> {
  const { dialect, locks, sessions, run } = database;
  const { ms, us } = database.now();
  const written = sql`coalesce((select s.fence from ${sessions} s where s.session_key = ${key}), 0) + 1`;
  if (dialect !== 'mysql') {
    const newest = dialect === 'sqlite' ? sql`max` : sql`greatest`;
    const { rows } = await run(
      sql`insert into ${locks} as l (session_key, owner, leased_until, fence) values (${key}, ${owner}, ${ms} + ${leaseMs}, ${newest}(${us}, ${written})) on conflict (session_key) do update set owner = excluded.owner, leased_until = excluded.leased_until, fence = ${newest}(excluded.fence, l.fence + 1) where l.owner is null or l.owner = excluded.owner or l.leased_until <= ${ms} returning fence`,
    );
    return rows[0] && Number(rows[0].fence);
  }
  const update = sql`update ${locks} set leased_until = ${ms} + ${leaseMs}, fence = last_insert_id(greatest(${us}, fence + 1, ${written})), owner = ${owner} where session_key = ${key} and (owner is null or owner = ${owner} or leased_until <= ${ms})`;
  const first = await run(update);
  if (first.affected > 0) return first.insertId;
  const isNew = await inserts(run, sql`insert into ${locks} (session_key) values (${key})`);
  const second = isNew ? await run(update) : first;
  return second.affected > 0 ? second.insertId : undefined;
}
