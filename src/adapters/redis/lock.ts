import { LockError } from '../../errors.js';
import type { Lock } from '../../ports/lock.js';
import { checkOptions } from '../parts/check-options.js';
import { checkLease, leaseLock } from '../parts/lease-lock.js';
import { type Complaint, type RedisLike, scriptRunner } from './client.js';
import { EXTEND, GRAB, RELEASE } from './scripts.js';

/** See {@link redisLock}. */
export interface RedisLockOptions {
  /** Milliseconds after which the lock of a process that died is free; at least 100. Default 30 000. */
  leaseMs?: number;
}

const FENCE_MEMORY_MS = 86_400_000;

/**
 * One holder at a time per key, among all processes that use this Redis.
 *
 * The lock is a lease of `leaseMs` (default 30 000), renewed while it is held, and never longer than the task's
 * `holdMs` (default 15 000) in all. A process that dies blocks the others until its lease runs out. A holder that was
 * paused past its lease learns of it through the lease's signal, and its write is refused by `redisStorage`.
 *
 * Rejects with a `LockError` when Redis cannot be asked. Redis copies to its replicas after it has answered: a failover
 * can forget a lock that was just granted.
 */
export function redisLock(client: RedisLike, options: RedisLockOptions = {}): Lock {
  const script = scriptRunner(client);
  const instead = 'redisLock(client, { leaseMs: 5_000 })';
  const { leaseMs } = checkOptions<RedisLockOptions>('redisLock', options, ['leaseMs'], instead);
  return leaseLock(
    {
      async grab(key, owner, forMs) {
        const name = lockName(key);
        try {
          const [granted, number] = (await script(GRAB, name, owner, forMs, FENCE_MEMORY_MS)) as [unknown, unknown];
          return [Number(granted) === 1, Number(number)];
        } catch (error) {
          const { text, ...cause } = error as Complaint;
          throw new LockError('ERR_LOCK_TIMEOUT', `Could not ask Redis for the lock ${name}: ${text}`, { cause });
        }
      },
      extend: async (key, owner, forMs) => Number(await script(EXTEND, lockName(key), owner, forMs)) === 1,
      release: (key, owner) => script(RELEASE, lockName(key), owner),
    },
    checkLease(leaseMs),
  );
}

/** Puts the lock into the cluster slot of its session, whose key is the hash tag, or has one. */
function lockName(key: string): string {
  return /\{[^}]+\}/.test(key) ? `${key}:lock` : `{${key}}:lock`;
}
