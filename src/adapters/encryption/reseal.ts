import { isTokenError, LockError, OptionsError } from '../../errors.js';
import type { Lock } from '../../ports/lock.js';
import { type EncryptedStorage, UNKNOWN_KEY } from './encrypted.js';

/** How far {@link reseal} has come. */
export interface ResealProgress {
  /** Values that are sealed with the present key now, and were not before. */
  readonly resealed: number;
  /** Values that still need another key, by its id. */
  readonly left: Readonly<Record<string, number>>;
}

/** See {@link reseal}. */
export interface ResealOptions {
  /** The lock of the managers on this storage. */
  lock: Lock;
  /** Called after every key. */
  onProgress?: (progress: ResealProgress) => void;
  /** Stops between two values; the promise rejects with its reason. */
  signal?: AbortSignal;
}

/** How long a session may keep its lock before it is passed over. */
const WAIT_MS = 15_000;

/**
 * Seals every value anew that another key than the present one has sealed, each under its session's lock.
 *
 * Nothing is refreshed, and nobody is signed out. It may be stopped at any moment and run again, in several processes at
 * once. `left` counts the values that still need another key: those of a session whose lock was not free for 15 s, and
 * those that no key opens. Rejects as the storage does when that cannot be reached, and with a `StorageError` when the key service
 * cannot.
 */
export async function reseal(
  storage: EncryptedStorage,
  keys: Iterable<string> | AsyncIterable<string>,
  options: ResealOptions,
): Promise<ResealProgress> {
  if (typeof storage?.sealOf !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      'Expected a storage that encrypted() has made. Write reseal(encrypted(…), …).',
    );
  }
  const { lock, onProgress, signal } = Object(options) as ResealOptions;
  const isIterable = Object(keys) === keys && (Symbol.iterator in Object(keys) || Symbol.asyncIterator in Object(keys));
  if (!isIterable || typeof lock?.run !== 'function') {
    const instead = 'reseal(storage, sessions.keys(), { lock })';
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected keys to go through, and the lock of the managers. Write ${instead}.`,
    );
  }
  let resealed = 0;
  const left: Record<string, number> = {};
  for await (const key of keys) {
    if (signal?.aborted) throw signal.reason;
    const seal = await storage.sealOf(key);
    if (seal && !seal.isCurrent) {
      if (await resealOne(storage, lock, key)) resealed++;
      else left[seal.id] = (left[seal.id] ?? 0) + 1;
    }
    onProgress?.({ resealed, left: { ...left } });
  }
  return { resealed, left };
}

/** Whether the value needs no other key any more; looks at it again under the lock, as somebody may have written. */
async function resealOne(storage: EncryptedStorage, lock: Lock, key: string): Promise<boolean> {
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(new LockError('ERR_LOCK_TIMEOUT', `${key} is busy.`)), WAIT_MS);
  try {
    return await lock.run(key, waiting.signal, async (lease) => {
      clearTimeout(timer);
      const seal = await storage.sealOf(key);
      const value = !seal || seal.isCurrent ? null : await storage.getItem(key);
      if (value === null) return true;
      if (lease.signal.aborted) return false;
      await storage.setItem(key, value, lease.fence === undefined ? {} : { fence: lease.fence });
      return true;
    });
  } catch (error) {
    const { code, cause } = Object(error) as { code?: string; cause?: { code?: unknown } };
    const isOfThisValue = code === 'ERR_STORAGE_CORRUPT' || cause?.code === UNKNOWN_KEY;
    if (isTokenError(error) && (isOfThisValue || error.name === 'LockError')) return false;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
