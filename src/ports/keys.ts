import type { EcPublicKey } from '../core/proof.js';

/**
 * Keeps the keys that sessions are bound to (RFC 9449).
 *
 * A key is named by its thumbprint, so none is ever overwritten. Whoever shares the session's storage has to find the same
 * keys. Methods may be slow; what one throws or rejects with means "try again", and nobody is signed out for it.
 */
export interface DpopKeys {
  /** Makes a key that is kept before the promise resolves. */
  create(): Promise<DpopKey>;
  /** The key of this name; undefined where it is gone for good, which ends the session that is bound to it. */
  find(binding: string): Promise<DpopKey | undefined>;
  /** Removes a key; no error where there is none. */
  remove(binding: string): Promise<void>;
  /** The names of all keys that are kept. */
  list(): Promise<readonly string[]>;
}

/** A key that signs proofs; its private half may lie where nobody can read it. */
export interface DpopKey {
  /** The thumbprint of the public key (RFC 7638), in base64url; no secret. */
  readonly binding: string;
  readonly publicKey: EcPublicKey;
  /** Signs with ECDSA on P-256 and SHA-256; 64 bytes, r and s. */
  sign(data: Uint8Array): Promise<ArrayBuffer | Uint8Array>;
}
