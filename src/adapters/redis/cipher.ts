import { OptionsError, StorageError } from '../../errors.js';
import { openText, sealText, UNNAMED } from '../../sealing/seal-text.js';
import { importSealingKey, type SealingKey, takeSealingKey } from '../../sealing/sealing-key.js';

/** A key of AES-256-GCM: 32 bytes, or a `CryptoKey` made for it. */
export type RedisEncryptionKey = SealingKey;

/** Encrypts values for Redis, and decrypts them. */
export interface Cipher {
  seal(name: string, value: string): Promise<string>;
  open(name: string, sealed: string): Promise<string>;
}

/** The first key encrypts, any decrypts; the name is authenticated too, so values cannot change places. */
export function createCipher(keys: readonly RedisEncryptionKey[]): Cipher {
  const own = keys.map(takeSealingKey);
  if (own.length === 0) throw new OptionsError('ERR_OPTIONS', 'Expected at least one encryptionKey, got none.');
  let imported: Promise<CryptoKey[]> | undefined;
  const ready = () => {
    imported ??= Promise.all(own.map(importSealingKey));
    return imported;
  };

  return {
    async seal(name, value) {
      const [key] = await ready();
      return UNNAMED + (await sealText(key as CryptoKey, name, value));
    },
    async open(name, sealed) {
      if (!sealed.startsWith(UNNAMED)) throw damaged(name, 'a value that is not encrypted');
      for (const key of await ready()) {
        const opened = await openText(key, name, sealed.slice(UNNAMED.length));
        if (opened !== undefined) return opened;
      }
      throw damaged(name, 'one that was changed, or encrypted with another key');
    },
  };
}

function damaged(name: string, found: string): StorageError {
  return new StorageError('ERR_STORAGE_CORRUPT', `Expected a value under ${name} that this key opens, found ${found}.`);
}
