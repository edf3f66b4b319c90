import { indexedDbRegisters } from '../adapters/indexed-db/registers.js';
import { areaStorage } from '../adapters/web-storage.js';
import type { TokenStorage } from '../ports/storage.js';

/**
 * Keeps the session in `localStorage` or `sessionStorage`, in plain text; prefer `indexedDb()`.
 *
 * Looks for the storage on first use; where access is refused, the session is kept in memory and `fault` says so. A
 * session in `'session'` ends with its tab and is not shared. With `'local'`, IndexedDB keeps the number of the newest
 * write, and nothing else, because `localStorage` alone shows the writes of one tab to the others too late: with it, the
 * holder of the lock never acts on an older record. Without IndexedDB, a tab may do so.
 *
 * @example
 * createTokenManager({ refresh, platform: browser({ storage: webStorage('local') }) });
 */
export function webStorage(area: 'local' | 'session'): TokenStorage {
  return areaStorage(area, area === 'local' ? indexedDbRegisters('evertoken') : undefined);
}
