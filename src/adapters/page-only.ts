import { OptionsError } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';
import { isServer } from './parts/is-server.js';

/** The storage of a page; on a server it is empty, and starting a session is refused, as each visitor would be given it. */
export function pageOnly(storage: TokenStorage): TokenStorage {
  return {
    get fault() {
      return isServer() ? undefined : storage.fault;
    },
    getItem: (key) => (isServer() ? null : storage.getItem(key)),
    setItem(key, value, options) {
      if (!isServer()) return storage.setItem(key, value, options);
      const message =
        "Expected browser() to keep a session in a page or its workers, but this is a server, which would give one visitor's session to all. Use node(), or Redis, with a key for each user, and let the page start its own.";
      throw new OptionsError('ERR_OPTIONS', message);
    },
    removeItem: (key, options) => (isServer() ? undefined : storage.removeItem(key, options)),
  };
}
