import { StorageError } from '../../errors.js';
import type { Registers } from '../../ports/registers.js';
import { openDatabase, storeName } from './database.js';

/**
 * Registers in one object store of one database.
 *
 * The database is opened for each call and closed after it: nothing is left behind that could be closed by the browser,
 * block the deletion of the database, or keep a page out of the back/forward cache. A change outlives a power cut, unless
 * it is `relaxed`: for what means nothing after one, such as who holds a lock.
 */
export function indexedDbRegisters(database: string, durability: 'strict' | 'relaxed' = 'strict'): Registers {
  const registers = async <T>(
    key: string,
    change?: (value: T | undefined) => T | undefined,
  ): Promise<T | undefined> => {
    const opened = await openDatabase(database);
    try {
      return transact(opened, key, durability, change, () => registers(key, change));
    } finally {
      opened.close(); // takes effect when the transaction is over
    }
  };
  return registers;
}

function transact<T>(
  database: IDBDatabase,
  key: string,
  durability: 'strict' | 'relaxed',
  change: ((value: T | undefined) => T | undefined) | undefined,
  again: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const transaction = database.transaction(storeName, change ? 'readwrite' : 'readonly', { durability });
  const items = transaction.objectStore(storeName);
  if (items.keyPath !== null) throw foreign(database.name);
  const reading: IDBRequest<T | undefined> = items.get(key);
  // The transaction then completes without the page.
  if (!change) transaction.commit?.();
  return new Promise((resolve, reject) => {
    let before: T | undefined;
    let thrown: unknown;
    let isLeft = false;
    // WebKit keeps the transaction open in the back/forward cache, where it would block every other tab.
    const leave = (): void => {
      try {
        transaction.abort();
        isLeft = true;
      } catch {} // it is already being committed
    };
    globalThis.addEventListener?.('pagehide', leave);
    const end = (): void => globalThis.removeEventListener?.('pagehide', leave);
    // Chromium may report a transaction as complete before a long value was read.
    reading.onerror = () => isLeft || reject(reading.error);
    reading.onsuccess = () => {
      before = reading.result;
      if (!change) return resolve(before);
      try {
        const value = change(before);
        if (value !== undefined) items.put(value, key);
        else items.delete(key);
        transaction.commit?.();
      } catch (error) {
        thrown = error;
        transaction.abort();
      }
    };
    transaction.oncomplete = () => {
      end();
      if (change) resolve(before);
    };
    transaction.onabort = () => {
      end();
      // After the page was restored, the work is done again.
      if (isLeft) resolve(again());
      else reject(thrown ?? transaction.error);
    };
  });
}

function foreign(name: string): StorageError {
  const found = `Expected the store '${storeName}' of the database '${name}' to be made by evertoken, but something else made it.`;
  return new StorageError('ERR_STORAGE_READ', `${found} Choose another name: indexedDb({ database: 'name' }).`);
}
