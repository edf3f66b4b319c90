import { OptionsError } from '../errors.js';

/** A `CryptoKey`; its global name is not known to every compiler. */
export interface CryptoKeyLike {
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** A key of AES-256-GCM: 32 bytes, or a `CryptoKey` made for it. */
export type SealingKey = Uint8Array | CryptoKeyLike;

export const ALGORITHM = 'AES-GCM';

/** Throws an OptionsError for what cannot be a key; nothing of it is quoted. */
export function checkSealingKey(key: SealingKey): void {
  if (key instanceof Uint8Array ? key.byteLength === 32 : key?.algorithm?.name === ALGORITHM) return;
  const found = key instanceof Uint8Array ? `${key.byteLength} bytes` : typeof key;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected an encryption key of 32 bytes, or a CryptoKey of ${ALGORITHM}, got ${found}.`,
  );
}

/** The key as WebCrypto takes it. */
export async function importSealingKey(key: SealingKey): Promise<CryptoKey> {
  if (!(key instanceof Uint8Array)) return key as CryptoKey;
  return crypto.subtle.importKey('raw', new Uint8Array(key), ALGORITHM, false, ['encrypt', 'decrypt']);
}
