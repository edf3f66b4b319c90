import type { StorageError } from '../errors.js';

/**
 * Where the session is kept: one string under one key.
 *
 * AsyncStorage fits as it is, `localStorage` within one tab. A method may throw, reject or be slow: the manager bounds
 * each call at 5 000 ms and keeps the session in memory meanwhile.
 */
export interface TokenStorage {
  /** The string last set under this key, or null. */
  getItem(key: string): string | null | PromiseLike<string | null>;
  /**
   * Replaces the string under this key as a whole; done when the returned promise is.
   *
   * With a `fence`, a storage that can refuses, in one atomic step, a write whose fence is lower than the highest it has seen.
   */
  setItem(key: string, value: string, options?: { fence?: number }): unknown;
  /** Removes the string under this key; no error when there is none. */
  removeItem(key: string, options?: { fence?: number }): unknown;
  /**
   * Set where the storage had to fall back to memory; reported once through `storageFailed`, after a read.
   *
   * Also set while the storage is dead: every call then rejects at once with this very error.
   */
  readonly fault?: StorageError | undefined;
}
