import { OptionsError, StorageError } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';
import { faultOf } from './indexed-db/database.js';
import { indexedDbRegisters } from './indexed-db/registers.js';
import { checkOptions } from './parts/check-options.js';

/** What {@link indexedDb} accepts. */
export interface IndexedDbOptions {
  /** The name of the database; default `evertoken`. */
  database?: string;
}

/** One stored string, encrypted. */
interface Sealed {
  readonly key: CryptoKey;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly data: ArrayBuffer;
}

/** The item under a key; after a removal, only the newest fence. */
type Item = (Sealed & { readonly fence: number }) | number;

const algorithm = 'AES-GCM';

/**
 * Keeps the session in IndexedDB, encrypted, shared by all tabs and workers of the origin.
 *
 * Each write is encrypted with AES-GCM under a new non-extractable key and a new random IV; both are stored with it, in
 * one record and one transaction. That protects copies of the stored bytes that no browser opens (storage dumped as
 * text, a disk image or a backup searched for tokens), not against script that runs on the page.
 *
 * Looks for IndexedDB and `crypto.subtle` on first use. Where one is missing or refused (an insecure context, a
 * sandboxed frame, a server), the session is kept in memory and `fault` says so. A database that lacks the store is given
 * it. One that does not open in 4 s, or fails three times, is dead: calls reject at once with one and the same error,
 * which `fault` is too; once a minute one of them tries again. Any other failure rejects as it is.
 *
 * Throws {@link StorageError} with `ERR_STORAGE_CORRUPT` for a record that cannot be decrypted, which stays until the
 * next write, and with `ERR_STORAGE_WRITE` for a write under a fence that is older than the newest seen.
 */
export function indexedDb(options: IndexedDbOptions = {}): TokenStorage {
  const instead = "indexedDb({ database: 'name' })";
  const { database = 'evertoken' } = checkOptions<IndexedDbOptions>('indexedDb', options, ['database'], instead);
  if (typeof database !== 'string' || !database) {
    const came = database === '' ? 'an empty one' : `a value of type ${typeof database}`;
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the name of a database as a string, but ${came} came. Write ${instead}.`,
    );
  }
  const registers = indexedDbRegisters(database); // strict durability: a rotated refresh token must survive a power cut
  const memory = new Map<string, string>();
  let fault: StorageError | undefined;

  /** Runs a task on the database, or `standIn` on memory where IndexedDB is not available. */
  async function use<T>(task: () => Promise<T>, standIn: () => T): Promise<T> {
    try {
      if (!fault) return await task();
    } catch (error) {
      // IndexedDB is missing, or access is denied.
      if (!/^(Reference|Type|Security)Error$/.test((error as Error).name)) throw error;
      fault = new StorageError(
        'ERR_STORAGE_READ',
        'Expected IndexedDB and crypto.subtle, found them missing or refused; the session is kept in memory. Use https.',
      );
    }
    return standIn();
  }

  /** Replaces the item under the key, unless a write with a newer fence came first. */
  async function write(key: string, sealed: Sealed | undefined, fence = 0): Promise<void> {
    await registers<Item>(key, (before) => {
      const newest = (typeof before === 'object' ? before.fence : before) || 0;
      if (fence && fence < newest) {
        throw new StorageError(
          'ERR_STORAGE_WRITE',
          `Expected fence ${newest} or newer, got ${fence}: the lock was lost.`,
        );
      }
      fence ||= newest;
      return sealed ? { ...sealed, fence } : fence || undefined;
    });
  }

  return {
    get fault() {
      return fault ?? faultOf(database);
    },
    getItem: (key) =>
      use(
        async () => {
          crypto.subtle.decrypt; // throws if it is missing, even when nothing is stored
          const item = await registers<Item>(key);
          return typeof item === 'object' ? open(item) : null;
        },
        () => memory.get(key) ?? null,
      ),
    setItem: (key, value, given) =>
      use(
        async () => write(key, await seal(value), given?.fence),
        () => void memory.set(key, value),
      ),
    removeItem: (key, given) =>
      use(
        () => write(key, undefined, given?.fence),
        () => void memory.delete(key),
      ),
  };
}

async function seal(value: string): Promise<Sealed> {
  const key = await crypto.subtle.generateKey({ name: algorithm, length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const data = await crypto.subtle.encrypt({ name: algorithm, iv }, key, new TextEncoder().encode(value));
  return { key, iv, data };
}

async function open({ key, iv, data }: Sealed): Promise<string> {
  const decoder = new TextDecoder(); // created outside `try`: some simulated pages lack it, which does not mean a damaged record
  try {
    return decoder.decode(await crypto.subtle.decrypt({ name: algorithm, iv }, key, data));
  } catch {
    throw new StorageError(
      'ERR_STORAGE_CORRUPT',
      'Expected a record that its key decrypts; the next session replaces it.',
    );
  }
}
