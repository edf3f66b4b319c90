import { LockError, OptionsError } from '../../errors.js';
import type { Lock } from '../../ports/lock.js';

/** Where leases are kept; its clock alone says when one has run out. */
export interface LeaseStore {
  /**
   * Takes the lease if it is free, has run out, or is this owner's: `[true, fence]`, else `[false, milliseconds left]`.
   *
   * The owner who asks again gets it again, because the first answer may have been lost. Rejects with a `LockError`.
   */
  grab(key: string, owner: string, leaseMs: number): Promise<readonly [isGranted: boolean, number: number]>;
  /** Lets the lease run for so long from now on; false if it is not this owner's. Rejects where that is not known. */
  extend(key: string, owner: string, forMs: number): Promise<boolean>;
  /** Gives the lease back if it is this owner's. */
  release(key: string, owner: string): Promise<unknown>;
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
const LEAST_MS = 100;

/** Throws an OptionsError for what is no number of milliseconds. */
export function checkLease(leaseMs: unknown = LEASE_MS): number {
  if (typeof leaseMs === 'number' && leaseMs >= LEAST_MS) return leaseMs;
  const came = typeof leaseMs === 'number' ? leaseMs : `a value of type ${typeof leaseMs}`;
  throw new OptionsError('ERR_OPTIONS', `Expected leaseMs to be a number of milliseconds from 100, got ${came}.`);
}

/** A lock of leases that are renewed while they are held, and never run longer than the task's `holdMs` in all. */
export function leaseLock(store: LeaseStore, leaseMs: number): Lock {
  return {
    async run(key, signal, task, { holdMs = HOLD_MS } = {}) {
      const lease = Math.max(LEAST_MS, Math.min(leaseMs, holdMs));
      const grant = await grab(store, key, signal, lease);
      const lost = new AbortController();
      const { stop, look } = keep(store, key, grant, { leaseMs: lease, holdMs, lost });
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
        await release(store, key, grant.owner);
      }
    },
  };
}

async function grab(store: LeaseStore, key: string, signal: AbortSignal, leaseMs: number): Promise<Grant> {
  const owner = crypto.randomUUID();
  const now = wakingClock();
  for (let tries = 0; ; tries++) {
    if (signal.aborted) throw signal.reason;
    const askedAt = now();
    const giveBack = () => void release(store, key, owner);
    const answer = store.grab(key, owner, leaseMs).catch((error: unknown) => {
      giveBack(); // the lock may have been granted although the answer was lost
      throw error;
    });
    const [isGranted, number] = await unlessAborted(answer, signal, giveBack);
    if (isGranted) return { owner, fence: number, now, untilMs: askedAt + leaseMs };
    const pauseMs = Math.min(number + 1, (0.5 + Math.random()) * Math.min(10 + 10 * tries, 150));
    await unlessAborted(pause(pauseMs), signal);
  }
}

/** Renews the lease until it is stopped; aborts `lost` if that fails, or when the task is past its `holdMs`. */
function keep(
  store: LeaseStore,
  key: string,
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
    const isRenewed = await store.extend(key, owner, Math.ceil(forMs)).catch(() => undefined);
    if (isStopped) return;
    if (isRenewed === undefined) return; // not reached: another attempt follows, unless the lease expires first
    if (!isRenewed) giveUp('another holder has it');
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

/** Like `performance.now()`, and counts the time in which the machine was suspended; so does the clock of the store. */
function wakingClock(): () => number {
  const asleepMs = () => Date.now() - performance.now();
  const before = asleepMs();
  return () => performance.now() + Math.abs(asleepMs() - before);
}

/** Waits at most a second for the answer; without one, the lease expires by itself. */
function release(store: LeaseStore, key: string, owner: string): Promise<void> {
  return new Promise((resolve) => {
    const cancel = later(1_000, resolve);
    const done = () => {
      cancel();
      resolve();
    };
    store.release(key, owner).then(done, done);
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
