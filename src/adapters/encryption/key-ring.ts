import type { CryptoKeyLike } from '../../sealing/sealing-key.js';

/** The key that seals a value, and what is stored in front of it to find the key again. */
export interface RingKey {
  /** Letters, digits, `_` and `-`, at most 64; readable in the store, so that old keys can be counted there. */
  readonly id: string;
  readonly key: CryptoKeyLike;
  /** The data key as the KMS has wrapped it, in base64; absent where keys are at hand. */
  readonly wrapped?: string;
}

/** Keys for stored values: one seals, each opens what it has sealed. */
export interface KeyRing {
  /** The key that seals now. Rejects while it cannot be had. */
  current(): Promise<RingKey>;
  /**
   * The keys that may open a value; none where this ring does not have it. Rejects while they cannot be had.
   *
   * `id` is undefined for a value of `redisStorage({ encryptionKey })`, which names no key.
   */
  find(id: string | undefined, wrapped: string): Promise<readonly CryptoKeyLike[]>;
}
