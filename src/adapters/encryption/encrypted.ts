import { isTokenError, OptionsError, StorageError, type StorageErrorCode } from '../../errors.js';
import type { TokenStorage } from '../../ports/storage.js';
import { openText, sealText, UNNAMED } from '../../sealing/seal-text.js';
import { checkOptions, checkStorage } from '../parts/check-options.js';
import { NO_KEY, UNNAMED_KEY } from './key-id.js';
import type { KeyRing } from './key-ring.js';

/** See {@link encrypted}. */
export interface EncryptionOptions {
  /**
   * Reads values that are not encrypted yet as they are, instead of `ERR_STORAGE_CORRUPT`. Default `false`.
   *
   * For the time in which `reseal` goes through a store that held plain sessions; whoever can write to the store can
   * bring in sessions of their own meanwhile.
   */
  acceptPlain?: boolean;
}

/** Which key a stored value needs. */
export interface Seal {
  /** The id of the key; `'unnamed'` for a value of `redisStorage({ encryptionKey })`, `'plain'` for one not encrypted. */
  readonly id: string;
  /** It is the key that seals now. */
  readonly isCurrent: boolean;
}

/** A storage whose values are encrypted. */
export interface EncryptedStorage extends TokenStorage {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string, options?: { fence?: number }): Promise<void>;
  removeItem(key: string, options?: { fence?: number }): Promise<void>;
  /** Which key the value under this key needs; undefined where there is no value. */
  sealOf(key: string): Promise<Seal | undefined>;
}

/** The code of the cause where the ring has no key of that id. */
export const UNKNOWN_KEY = 'UNKNOWN_KEY';

const NAMED = 'evertoken.2.';

/** What a stored value is made of. */
interface Sealed {
  readonly id: string | undefined;
  readonly wrapped: string;
  /** What is authenticated with the text, besides the name it is stored under. */
  readonly bound: string;
  readonly text: string;
}

/**
 * Encrypts whatever is stored, around any storage: AES-256-GCM, each value bound to the key it is stored under.
 *
 * Whoever can read the store, or a copy of it, finds no token; whoever can write to it cannot change a session or put
 * one in another's place. Fences and faults of the storage are passed through. Values of
 * `redisStorage({ encryptionKey })` open as well. Rejects with `ERR_STORAGE_CORRUPT` where a value was changed, and with
 * `ERR_STORAGE_READ` or `ERR_STORAGE_WRITE`, to be tried again, where the key cannot be had.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: says what came and what to write instead
 */
export function encrypted(storage: TokenStorage, keys: KeyRing, options: EncryptionOptions = {}): EncryptedStorage {
  const instead = 'encrypted(storage, staticKeys({ id, key }))';
  checkStorage('encrypted', storage, instead);
  if (typeof keys?.current !== 'function' || typeof keys.find !== 'function') {
    throw new OptionsError('ERR_OPTIONS', `Expected encrypted() to be given keys. Write ${instead}.`);
  }
  const { acceptPlain = false } = checkOptions<EncryptionOptions>('encrypted', options, ['acceptPlain'], instead);
  if (typeof acceptPlain !== 'boolean') {
    throw new OptionsError('ERR_OPTIONS', `Expected acceptPlain to be true or false, got ${typeof acceptPlain}.`);
  }

  return {
    async getItem(key) {
      const stored = await storage.getItem(key);
      const sealed = parse(stored);
      if (stored === null || (!sealed && acceptPlain)) return stored;
      if (!sealed) throw damaged(key, 'one that is not encrypted; acceptPlain reads it');
      const found = await keys.find(sealed.id, sealed.wrapped).catch(fail('ERR_STORAGE_READ', key));
      if (found.length === 0) throw unknown(key, sealed.id);
      for (const one of found) {
        const text = await openText(one, sealed.bound + key, sealed.text);
        if (text !== undefined) return text;
      }
      throw damaged(key, 'one that was changed, moved from another session, or sealed with another key of this id');
    },
    async setItem(key, value, given) {
      const { id, wrapped = '', key: sealing } = await keys.current().catch(fail('ERR_STORAGE_WRITE', key));
      const head = `${NAMED}${id}.${wrapped}.`;
      await storage.setItem(key, head + (await sealText(sealing, head + key, value)), given);
    },
    async removeItem(key, given) {
      await storage.removeItem(key, given);
    },
    async sealOf(key) {
      const stored = await storage.getItem(key);
      if (stored === null) return undefined;
      const sealed = parse(stored);
      const id = sealed ? (sealed.id ?? UNNAMED_KEY) : NO_KEY;
      const present = await keys.current().catch(fail('ERR_STORAGE_READ', key));
      return { id, isCurrent: id === present.id };
    },
    get fault() {
      return storage.fault;
    },
  };
}

/** The parts of a stored value; undefined for a plain one. */
function parse(stored: string | null): Sealed | undefined {
  if (stored?.startsWith(UNNAMED)) return { id: undefined, wrapped: '', bound: '', text: stored.slice(UNNAMED.length) };
  const [bound, id, wrapped = ''] = /^evertoken\.2\.([\w-]{1,64})\.([\w+/=]*)\./.exec(stored ?? '') ?? [];
  return bound === undefined || stored === null ? undefined : { id, wrapped, bound, text: stored.slice(bound.length) };
}

function damaged(key: string, found: string): StorageError {
  return new StorageError('ERR_STORAGE_CORRUPT', `Expected an encrypted value under ${key}, found ${found}.`);
}

/** Can be tried again: a peer may have been given its new key before this process. */
function unknown(key: string, id: string | undefined): StorageError {
  const which = id === undefined ? 'a key without a name' : `the key '${id}'`;
  const message = `Expected ${which} to open ${key}, but it is not among those given. Give it behind the present one.`;
  return new StorageError('ERR_STORAGE_READ', message, { cause: { name: 'Error', code: UNKNOWN_KEY } });
}

/** Only the name and the code of a key service's error are kept: its message may quote what was sent. */
function fail(code: StorageErrorCode, key: string): (error: unknown) => never {
  return (error) => {
    if (isTokenError(error)) throw error;
    const facts = Object(error) as { name?: unknown; code?: unknown };
    const isWord = (fact: unknown) => typeof fact === 'string' && /^\w{2,60}$/.test(fact);
    const reason = [facts.code, facts.name].find(isWord) ?? 'unknown';
    const action = code === 'ERR_STORAGE_READ' ? 'opens' : 'seals';
    const message = `Could not have the key that ${action} ${key}: ${reason}. It is tried again with the next call.`;
    throw new StorageError(code, message, { cause: { name: 'Error', code: reason } });
  };
}
