import type { DpopKey, DpopKeys } from '../ports/keys.js';
import { findSubtle } from './parts/find-subtle.js';
import { createPair, signingKey } from './parts/signing-key.js';

/**
 * Keeps keys in memory, where they cannot be exported: for Node, with sessions that end with the process.
 *
 * A session that outlives the process in a file or in Redis is lost without its key: use {@link jwkKeys} for it.
 *
 * @throws {OptionsError} `ERR_OPTIONS`, from `create`: there is no `crypto.subtle`
 */
export function memoryKeys(): DpopKeys {
  const keys = new Map<string, DpopKey>();
  return {
    async create() {
      const subtle = findSubtle('memoryKeys');
      const { binding, publicKey, privateKey } = await createPair(subtle, false);
      const key = signingKey(subtle, binding, publicKey, privateKey);
      keys.set(binding, key);
      return key;
    },
    find: async (binding) => keys.get(binding),
    remove: async (binding) => void keys.delete(binding),
    list: async () => [...keys.keys()],
  };
}
