import { OptionsError } from '../errors.js';

/** A `CryptoKey`; its global name is not known to every compiler. */
export interface CryptoKeyLike {
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** A key of AES-256-GCM: 32 bytes, or a `CryptoKey` made for it. */
export type SealingKey = Uint8Array | CryptoKeyLike;

export const ALGORITHM = 'AES-GCM';

/**
 * The key, of bytes a copy: the caller may erase its own before the first use.
 *
 * Throws an OptionsError for what cannot be a key; nothing of it is quoted.
 */
export function takeSealingKey(key: SealingKey): SealingKey {
  const isBytes = key instanceof Uint8Array;
  if (isBytes ? key.byteLength === 32 : fits(key)) return isBytes ? new Uint8Array(key) : key;
  const found = isBytes ? `${key.byteLength} bytes` : typeof key;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected an encryption key of 32 bytes, or a CryptoKey of ${ALGORITHM} with 256 bits that may encrypt and decrypt, got ${found}.`,
  );
}

function fits(key: CryptoKeyLike): boolean {
  const { name, length } = Object(key?.algorithm) as { name?: unknown; length?: unknown };
  return name === ALGORITHM && length === 256 && ['encrypt', 'decrypt'].every((use) => key.usages?.includes(use));
}

/** The key as WebCrypto takes it. */
export async function importSealingKey(key: SealingKey): Promise<CryptoKey> {
  if (!(key instanceof Uint8Array)) return key as CryptoKey;
  return crypto.subtle.importKey('raw', new Uint8Array(key), ALGORITHM, false, ['encrypt', 'decrypt']);
}
