import type { SessionRecord } from '../core/session-record.js';
import { LockError } from '../errors.js';
import type { Lease } from '../ports/lock.js';
import type { Platform } from '../ports/platform.js';
import { safeCause } from './safe-cause.js';
import { createStoredSession, type Found, type ReportFault, STORAGE_LIMIT_MS } from './stored-session.js';

/** The right to write; only the holder of the lock is handed one. Every method throws `StorageError`. */
export interface Slot {
  readonly lease: Lease;
  read(): Promise<Found>;
  write(record: SessionRecord): Promise<void>;
  erase(): Promise<void>;
}

/** Records in and out of the storage. */
export interface Persistence {
  /** Reading is open to everybody. Throws `StorageError`. */
  read(): Promise<Found>;
  /** Writing needs the lock. Settles after the lock was released; throws `LockError`, or what the task throws. */
  withSlot<T>(task: (slot: Slot) => Promise<T>): Promise<T>;
  /** Whether the storage is known to have held this session. */
  hasSeen(record: SessionRecord): boolean;
}

/** By so much less than others wait for it the lock may be held, so that they can take it from a frozen holder. */
const TAKEOVER_MS = 2_000;

/** How long to wait for the lock: one request, and the storage around it. */
function patienceMs(timeoutMs: number): number {
  return timeoutMs + STORAGE_LIMIT_MS;
}

/** The lock is somebody else's by now, and so is the storage. */
export function lostLock(): LockError {
  const message = 'Expected to hold the lock until the session was stored, but it was taken over; try again.';
  return new LockError('ERR_LOCK_LOST', message);
}

/** Failures are reported after the lock was released: listeners never run under it. */
export function createPersistence(
  name: string,
  { storage, lock, clock }: Platform,
  timeoutMs: number,
  report: ReportFault,
  onLateWrite: () => void,
): Persistence {
  const stored = createStoredSession(storage, name, clock, onLateWrite);

  async function hold<T>(task: (lease: Lease) => Promise<T>): Promise<T> {
    const limitMs = patienceMs(timeoutMs);
    const waiting = new AbortController();
    let outcome: Promise<T> | undefined;
    await new Promise<void>((resolve, reject) => {
      let cancel = clock.after(limitMs, () => {
        const message = `Expected the lock '${name}' within ${limitMs} ms, but its holder kept it; try again.`;
        reject(new LockError('ERR_LOCK_TIMEOUT', message));
        waiting.abort();
      });
      const granted = async (lease: Lease): Promise<void> => {
        cancel();
        if (waiting.signal.aborted) return; // granted after we had given up
        outcome = task(lease);
        await outcome.catch(() => undefined);
        // a lock that does not come back from its release holds nobody
        cancel = clock.after(STORAGE_LIMIT_MS, resolve);
      };
      new Promise((done) => done(lock.run(name, waiting.signal, granted, { holdMs: limitMs - TAKEOVER_MS })))
        .catch((error: unknown) => error)
        .then((error) => {
          if (outcome) return resolve();
          const message = `Expected the lock '${name}' to be granted, but it failed; try again.`;
          reject(new LockError('ERR_LOCK_LOST', message, { cause: error && safeCause(error, []) }));
        })
        .finally(() => cancel());
    });
    return outcome as Promise<T>;
  }

  return {
    hasSeen: stored.hasSeen,
    read: () => stored.read(report),
    withSlot: async (task) => {
      const faults: Parameters<ReportFault>[] = [];
      const later: ReportFault = (...fault) => faults.push(fault);
      try {
        return await hold((lease) => {
          const check = () => {
            if (lease.signal.aborted) throw lostLock();
          };
          return task({
            lease,
            read: () => stored.read(later),
            write: async (record) => {
              check();
              await stored.write(record, lease.fence, later);
            },
            erase: async () => {
              check();
              await stored.erase(lease.fence, later);
            },
          });
        });
      } finally {
        for (const fault of faults) report(...fault);
      }
    },
  };
}
