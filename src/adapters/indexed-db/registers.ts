import type { Registers } from '../../ports/registers.js';

/**
 * Registers in one object store of one database.
 *
 * The database is opened for each call and closed after it: nothing is left behind that could be closed by the browser,
 * block the deletion of the database, or keep a page out of the back/forward cache.
 */
export function indexedDbRegisters(database: string): Registers {
  return <T>(key: string, change?: (value: T | undefined) => T | undefined): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      const opening = globalThis.indexedDB.open(database);
      opening.onupgradeneeded = () => opening.result.createObjectStore('items');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        try {
          resolve(transact(opening.result, key, change));
        } catch (error) {
          reject(error);
        }
        opening.result.close(); // takes effect when the transaction is over
      };
    });
}

function transact<T>(
  database: IDBDatabase,
  key: string,
  change: ((value: T | undefined) => T | undefined) | undefined,
): Promise<T | undefined> {
  // strict: a rotated refresh token must outlive a power cut, not only a crash
  const transaction = database.transaction('items', change ? 'readwrite' : 'readonly', { durability: 'strict' });
  const items = transaction.objectStore('items');
  const reading: IDBRequest<T | undefined> = items.get(key);
  return new Promise((resolve, reject) => {
    let thrown: unknown;
    reading.onsuccess = () => {
      try {
        const value = change?.(reading.result);
        if (value !== undefined) items.put(value, key);
        else if (change) items.delete(key);
      } catch (error) {
        thrown = error;
        transaction.abort();
      }
    };
    transaction.oncomplete = () => resolve(reading.result);
    transaction.onabort = () => reject(thrown ?? transaction.error);
  });
}
