import { isTokenError, LockError } from '../errors.js';
import type { Lease } from '../ports/lock.js';
import type { Settings } from './options.js';
import { safeCause, said } from './safe-cause.js';

/** How long one call to the storage may take. */
export const STORAGE_LIMIT_MS = 5_000;

/**
 * The longest that one attempt of a refresh, a sign-in or a sign-out can take in milliseconds, the delay before it included.
 *
 * What has taken longer is taken for dead, even if no timer has fired: the runtime may have cancelled it after the answer, or
 * the machine was suspended.
 */
export function longestMs({ timeoutMs }: Settings): number {
  return 2 * timeoutMs + 12 * STORAGE_LIMIT_MS;
}

/** Whether work that gave its last sign of life then may still go on; after a clock was set back far, it is dead as well. */
export function isAlive(settings: Settings, at: number): boolean {
  return Math.abs(settings.platform.clock.now() - at) <= longestMs(settings);
}

/** The lock is held for at least this much less than others wait for it, so that they can take it from a frozen holder. */
const TAKEOVER_MS = 2_000;

/**
 * Runs a task under the lock. Waits for it as long as one request and the storage around it may take.
 *
 * Settles after the lock was released; throws `LockError`, or what the task throws.
 */
export async function holdLock<T>(settings: Settings, task: (lease: Lease) => Promise<T>): Promise<T> {
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
      if (waiting.signal.aborted) return; // granted after the wait was given up
      outcome = task(lease);
      await outcome.catch(() => undefined);
      // a lock whose release never settles must not block the caller
      cancel = clock.after(STORAGE_LIMIT_MS, resolve);
    };
    new Promise((done) => done(lock.run(name, waiting.signal, granted, { holdMs: limitMs - TAKEOVER_MS })))
      .catch((error: unknown) => error)
      .then((error) => {
        if (outcome) return resolve();
        if (isTokenError(error)) return reject(error); // says itself what the matter is
        const cause = error === undefined ? undefined : safeCause(error, []);
        const why = cause ? `it failed (${said(cause)})` : 'it settled without that';
        reject(
          new LockError('ERR_LOCK_LOST', `Expected the lock '${name}' to be granted, but ${why}; try again.`, {
            cause,
          }),
        );
      })
      .finally(() => cancel());
  });
  return outcome as Promise<T>;
}

/** The lock was taken over by another holder, who writes from now on. */
export function lockLost(): LockError {
  const message = 'Expected to hold the lock until the session was stored, but it was taken over; try again.';
  return new LockError('ERR_LOCK_LOST', message);
}
