import { LockError, OptionsError } from '../../errors.js';
import type { Lock } from '../../ports/lock.js';
import { checkOptions } from '../parts/check-options.js';
import { type Complaint, type RedisLike, type RunScript, scriptRunner } from './client.js';
import { EXTEND, GRAB, RELEASE } from './scripts.js';

/** See {@link redisLock}. */
export interface RedisLockOptions {
  /** Milliseconds after which the lock of a process that died is free; at least 100. Default 30 000. */
  leaseMs?: number;
}

interface Grant {
  readonly owner: string;
  readonly fence: number;
  /** The clock of this grant; see {@link wakingClock}. */
  readonly now: () => number;
  /** On that clock; from this moment another process may hold the lock. */
  readonly untilMs: number;
}

const LEASE_MS = 30_000;
const HOLD_MS = 15_000;
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
  const { leaseMs = LEASE_MS } = checkOptions<RedisLockOptions>('redisLock', options, ['leaseMs'], instead);
  if (!(typeof leaseMs === 'number' && leaseMs > 0)) {
    const came = typeof leaseMs === 'number' ? leaseMs : `a value of type ${typeof leaseMs}`;
    throw new OptionsError('ERR_OPTIONS', `Expected leaseMs to be a number of milliseconds from 100, got ${came}.`);
  }
  return {
    async run(key, signal, task, { holdMs = HOLD_MS } = {}) {
      const name = lockName(key);
      const lease = Math.max(100, Math.min(leaseMs, holdMs));
      const grant = await grab(script, name, signal, lease);
      const lost = new AbortController();
      const { stop, look } = keep(script, name, grant, { leaseMs: lease, holdMs, lost });
      try {
        return await task({
          get signal() {
            look();
            return lost.signal;
          },
          fence: grant.fence,
        });
      } finally {
        stop();
        await release(script, name, grant.owner);
      }
    },
  };
}

/** Puts the lock into the cluster slot of its session, whose key is the hash tag, or has one. */
function lockName(key: string): string {
  return /\{[^}]+\}/.test(key) ? `${key}:lock` : `{${key}}:lock`;
}

async function grab(script: RunScript, name: string, signal: AbortSignal, leaseMs: number): Promise<Grant> {
  const owner = crypto.randomUUID();
  const now = wakingClock();
  for (let tries = 0; ; tries++) {
    if (signal.aborted) throw signal.reason;
    const askedAt = now();
    const answer = ask(script, name, owner, leaseMs);
    const [granted, number] = await unlessAborted(answer, signal, () => void release(script, name, owner));
    if (granted === 1) return { owner, fence: number, now, untilMs: askedAt + leaseMs };
    const pauseMs = Math.min(number + 1, (0.5 + Math.random()) * Math.min(10 + 10 * tries, 150));
    await unlessAborted(pause(pauseMs), signal);
  }
}

async function ask(script: RunScript, name: string, owner: string, leaseMs: number): Promise<[number, number]> {
  try {
    const [granted, number] = (await script(GRAB, name, owner, leaseMs, FENCE_MEMORY_MS)) as [unknown, unknown];
    return [Number(granted), Number(number)];
  } catch (error) {
    void release(script, name, owner); // the lock may have been granted although the answer was lost
    const { text, ...cause } = error as Complaint;
    throw new LockError('ERR_LOCK_TIMEOUT', `Could not ask Redis for the lock ${name}: ${text}`, { cause });
  }
}

/** Renews the lease until it is stopped; aborts `lost` if that fails, or when the task is past its `holdMs`. */
function keep(
  script: RunScript,
  name: string,
  { owner, now, untilMs }: Grant,
  { leaseMs, holdMs, lost }: { leaseMs: number; holdMs: number; lost: AbortController },
): { stop: () => void; look: () => void } {
  const endsAt = untilMs - leaseMs + holdMs;
  let leaseEndsAt = untilMs;
  let isStopped = false;
  let cancel = () => {};

  function giveUp(why: string): void {
    isStopped = true;
    cancel();
    lost.abort(new LockError('ERR_LOCK_LOST', `Lost the lock: ${why}.`));
  }

  async function extend(): Promise<void> {
    const askedAt = now();
    const forMs = Math.min(leaseMs, endsAt - askedAt);
    const renewed = await script(EXTEND, name, owner, Math.ceil(forMs)).catch(() => undefined);
    if (isStopped) return;
    if (renewed === undefined) return; // Redis was not reached: another attempt follows, unless the lease expires first
    if (Number(renewed) !== 1) giveUp('another holder has it');
    else leaseEndsAt = askedAt + forMs;
  }

  function look(): number {
    const leftMs = leaseEndsAt - now();
    if (leftMs <= 0 && !isStopped) giveUp(`its lease of ${leaseMs} ms or its time of ${holdMs} ms ran out`);
    return leftMs;
  }

  function watch(isTimeToRenew: boolean): void {
    const leftMs = look();
    if (isStopped) return;
    const renews = leaseEndsAt < endsAt;
    if (renews && isTimeToRenew) void extend();
    cancel = later(renews ? Math.min(leftMs, leaseMs / 3) : leftMs, () => watch(true));
  }

  watch(false);
  return {
    look,
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}

/** Like `performance.now()`, and counts the time in which the machine was suspended; so does the clock of Redis. */
function wakingClock(): () => number {
  const asleepMs = () => Date.now() - performance.now();
  const before = asleepMs();
  return () => performance.now() + Math.abs(asleepMs() - before);
}

/** Waits at most a second for the answer; without one, the lease expires by itself. */
function release(script: RunScript, name: string, owner: string): Promise<void> {
  return new Promise((resolve) => {
    const cancel = later(1_000, resolve);
    const done = () => {
      cancel();
      resolve();
    };
    script(RELEASE, name, owner).then(done, done);
  });
}

/** Rejects with the signal's reason as soon as it aborts; if the promise resolves after that, `late` is called. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal, late?: () => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason);
      promise.then(late, () => undefined);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A timer that does not keep the process running. */
function later(ms: number, task: () => void): () => void {
  const timer: unknown = setTimeout(task, Math.min(ms, 2_147_483_647));
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as number);
}
