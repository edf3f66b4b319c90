import { OptionsError, StorageError } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';

/** Options that every call to the keychain is given. */
export interface KeychainOptionsLike {
  /** iOS: when the item can be read. Default `AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY`. */
  accessible?: string;
  /** iOS: shares the item among apps. */
  accessGroup?: string;
  /** Android: the kind of encryption. Default: the best that asks nobody for a finger. */
  storage?: string;
  /** Set by the adapter. */
  service?: string;
}

/** What is called of `react-native-keychain`; `import * as Keychain` is one. */
export interface KeychainLike {
  getGenericPassword(options?: KeychainOptionsLike): Promise<false | { username: string; password: string }>;
  setGenericPassword(username: string, password: string, options?: KeychainOptionsLike): Promise<unknown>;
  resetGenericPassword(options?: KeychainOptionsLike): Promise<unknown>;
  readonly ACCESSIBLE?: { readonly AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY?: string };
}

interface Entry {
  readonly service: string;
  /** Grows with every write; 0 for an entry that is not there. */
  readonly count: number;
  readonly value: string | null;
}

/**
 * Keeps sessions in the keychain of iOS and the keystore of Android, through react-native-keychain.
 *
 * By default readable from the first unlock after a restart, so that background fetch works, and never moved to another
 * device by a backup, where two devices would share one refresh token. On iOS items outlive the app.
 *
 * Rejects with a `StorageError`, also while the device has not been unlocked: nothing is deleted, try again.
 */
export function keychain(module: KeychainLike, options: KeychainOptionsLike = {}): TokenStorage {
  if (typeof module?.getGenericPassword !== 'function') {
    throw new OptionsError('ERR_OPTIONS', `Expected the module react-native-keychain, got ${typeof module}.`);
  }
  const accessible = module.ACCESSIBLE?.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY;
  const shared: KeychainOptionsLike = { ...(accessible === undefined ? {} : { accessible }), ...options };

  async function read(service: string): Promise<Entry> {
    const found = await module.getGenericPassword({ ...shared, service }).catch(fail('ERR_STORAGE_READ'));
    return found
      ? { service, count: Number(found.username) || 0, value: found.password }
      : { service, count: 0, value: null };
  }

  /** The two places of a key, newest first. */
  async function readBoth(key: string): Promise<[newest: Entry, older: Entry]> {
    const [a, b] = [await read(key), await read(`${key}#2`)];
    return a.count >= b.count ? [a, b] : [b, a];
  }

  async function remove({ service }: Entry): Promise<void> {
    await module.resetGenericPassword({ ...shared, service }).catch(fail('ERR_STORAGE_WRITE'));
  }

  async function write(key: string, value: string): Promise<void> {
    // On iOS the module deletes an item before it adds the new one. So the new value goes to the other place, under a
    // higher number, and the old one is deleted when the new one is there.
    const [newest, older] = await readBoth(key);
    const options = { ...shared, service: older.service };
    const stored = await module
      .setGenericPassword(String(newest.count + 1), value, options)
      .catch(fail('ERR_STORAGE_WRITE'));
    if (stored === false) throw fail('ERR_STORAGE_WRITE')(undefined);
    if (newest.value !== null) await remove(newest).catch(() => undefined);
  }

  let writes: Promise<unknown> = Promise.resolve();
  // one after the other: a write that took long must not land on a newer one
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = writes.then(work);
    writes = done.catch(() => undefined);
    return done;
  };
  return {
    async getItem(key) {
      for (let tries = 0; tries < 3; tries++) {
        const [{ value }] = await readBoth(key);
        if (value !== null) return value;
        // none, or it moved to the place that had been looked at already; look again
      }
      return null;
    },
    setItem: (key, value) => inTurn(() => write(key, value)),
    removeItem: (key) =>
      inTurn(async () => {
        const [newest, older] = await readBoth(key);
        await remove(older); // first, so that it never counts again
        await remove(newest);
      }),
  };
}

function fail(code: 'ERR_STORAGE_READ' | 'ERR_STORAGE_WRITE'): (error: unknown) => never {
  return (error) => {
    const { name, code: reason } = Object(error) as { name?: unknown; code?: unknown };
    const why = String(reason ?? name ?? 'refused');
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write to';
    const message = `Could not ${action} the keychain: ${why}. The device may be locked; nothing is lost, try again.`;
    throw new StorageError(code, message, { cause: { name: String(name), code: why } });
  };
}
