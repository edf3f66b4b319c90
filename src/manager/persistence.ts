import type { SessionRecord } from '../core/session-record.js';
import { LockError } from '../errors.js';
import type { Lease } from '../ports/lock.js';
import type { Engine } from './engine.js';
import { reportFault } from './lifetime.js';
import { safeCause } from './safe-cause.js';
import {
  eraseRecord,
  type Found,
  type ReportFault,
  readRecord,
  STORAGE_LIMIT_MS,
  writeRecord,
} from './stored-session.js';

/** The right to write; only the holder of the lock is handed one. Every method throws `StorageError`. */
export interface Slot {
  readonly lease: Lease;
  read(): Promise<Found>;
  write(record: SessionRecord): Promise<void>;
  erase(): Promise<void>;
}

/** By so much less than others wait for it the lock may be held, so that they can take it from a frozen holder. */
const TAKEOVER_MS = 2_000;

/** The lock is somebody else's by now, and so is the storage. */
export function lostLock(): LockError {
  const message = 'Expected to hold the lock until the session was stored, but it was taken over; try again.';
  return new LockError('ERR_LOCK_LOST', message);
}

/** Reading is open to everybody. Throws `StorageError`. */
export function readStored(engine: Engine): Promise<Found> {
  return readRecord(engine, (operation, error) => reportFault(engine, operation, error));
}

/**
 * Writing needs the lock. Settles after the lock was released; throws `LockError`, or what the task throws.
 *
 * Failures of the storage are reported after the release: listeners never run under the lock.
 */
export async function withSlot<T>(engine: Engine, task: (slot: Slot) => Promise<T>): Promise<T> {
  const faults: Parameters<ReportFault>[] = [];
  const later: ReportFault = (...fault) => faults.push(fault);
  try {
    return await hold(engine, (lease) => {
      const check = () => {
        if (lease.signal.aborted) throw lostLock();
      };
      return task({
        lease,
        read: () => readRecord(engine, later),
        write: async (record) => {
          check();
          await writeRecord(engine, record, lease.fence, later);
        },
        erase: async () => {
          check();
          await eraseRecord(engine, lease.fence, later);
        },
      });
    });
  } finally {
    for (const fault of faults) reportFault(engine, ...fault);
  }
}

/** Waits for the lock as long as one request and the storage around it may take. */
async function hold<T>({ settings }: Engine, task: (lease: Lease) => Promise<T>): Promise<T> {
  const { name, timeoutMs, platform } = settings;
  const { clock, lock } = platform;
  const limitMs = timeoutMs + STORAGE_LIMIT_MS;
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
