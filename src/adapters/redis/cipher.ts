import { OptionsError, StorageError } from '../../errors.js';

/** A `CryptoKey`; its global name is not known to every compiler. */
export interface CryptoKeyLike {
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** A key of AES-256-GCM: 32 bytes, or a `CryptoKey` made for it. */
export type RedisEncryptionKey = Uint8Array | CryptoKeyLike;

/** Encrypts values for Redis, and decrypts them. */
export interface Cipher {
  seal(name: string, value: string): Promise<string>;
  open(name: string, sealed: string): Promise<string>;
}

const FORM = 'evertoken.1.';
const IV_BYTES = 12;
const ALGORITHM = 'AES-GCM';

/** AES-256-GCM with a random 96-bit IV (NIST SP 800-38D); the name is authenticated too, so values cannot change places. */
export function createCipher(keys: readonly RedisEncryptionKey[]): Cipher {
  for (const key of keys) refuseUnfit(key);
  let imported: Promise<CryptoKey[]> | undefined;
  const ready = () => {
    imported ??= Promise.all(keys.map(importKey));
    return imported;
  };

  return {
    async seal(name, value) {
      const [key] = await ready();
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const sealed = await crypto.subtle.encrypt(
        parameters(name, iv),
        key as CryptoKey,
        new TextEncoder().encode(value),
      );
      return FORM + toBase64(iv) + toBase64(new Uint8Array(sealed));
    },
    async open(name, sealed) {
      if (!sealed.startsWith(FORM)) throw damaged(name, 'a value that is not encrypted');
      const bytes = fromBase64(sealed.slice(FORM.length));
      for (const key of await ready()) {
        const opened = await crypto.subtle
          .decrypt(parameters(name, bytes.slice(0, IV_BYTES)), key, bytes.slice(IV_BYTES))
          .catch(() => undefined);
        if (opened) return new TextDecoder().decode(opened);
      }
      throw damaged(name, 'one that was changed, or encrypted with another key');
    },
  };
}

function refuseUnfit(key: RedisEncryptionKey): void {
  if (key instanceof Uint8Array ? key.byteLength === 32 : key?.algorithm?.name === ALGORITHM) return;
  const found = key instanceof Uint8Array ? `${key.byteLength} bytes` : typeof key;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected an encryption key of 32 bytes, or a CryptoKey of ${ALGORITHM}, got ${found}.`,
  );
}

async function importKey(key: RedisEncryptionKey): Promise<CryptoKey> {
  if (!(key instanceof Uint8Array)) return key as CryptoKey;
  return crypto.subtle.importKey('raw', new Uint8Array(key), ALGORITHM, false, ['encrypt', 'decrypt']);
}

function parameters(name: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: ALGORITHM, iv, additionalData: new TextEncoder().encode(name) };
}

function damaged(name: string, found: string): StorageError {
  return new StorageError('ERR_STORAGE_CORRUPT', `Expected a value under ${name} that this key opens, found ${found}.`);
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** Invalid base64 gives no bytes, which no key decrypts. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
