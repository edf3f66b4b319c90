import type { EcPublicKey } from '../../core/proof.js';
import { OptionsError } from '../../errors.js';
import type { DpopKey, DpopKeys } from '../../ports/keys.js';
import { checkOptions } from '../parts/check-options.js';
import { findSubtle } from '../parts/find-subtle.js';
import { createPair, signingKey } from '../parts/signing-key.js';
import { indexedDbRegisters } from './registers.js';

/** What {@link browserKeys} accepts. */
export interface BrowserKeysOptions {
  /** The name of the database; default `evertoken`, the one of `browser()`. */
  database?: string;
}

interface StoredKey {
  readonly privateKey: object;
  readonly publicKey: EcPublicKey;
}
type Stored = Readonly<Record<string, StoredKey>>;

const REGISTER = 'evertoken:dpop-keys';

/**
 * Keeps keys in IndexedDB, shared by all tabs of the origin; no script can export them.
 *
 * The private half never is a string: the browser keeps it. All keys lie in one record, which each change replaces in one
 * transaction that looks first, so no tab overwrites or loses another's. Where IndexedDB is missing or refused, keys are
 * kept in memory, as the session then is. Any other failure rejects, and may pass.
 *
 * @throws {OptionsError} `ERR_OPTIONS`; from `create`: there is no `crypto.subtle`, because the page is not secure
 */
export function browserKeys(options: BrowserKeysOptions = {}): DpopKeys {
  const instead = "browserKeys({ database: 'name' })";
  const { database = 'evertoken' } = checkOptions<BrowserKeysOptions>('browserKeys', options, ['database'], instead);
  if (typeof database !== 'string' || !database) {
    throw new OptionsError('ERR_OPTIONS', `Expected the name of a database as a string. Write ${instead}.`);
  }
  const registers = indexedDbRegisters(database);
  let memory: Stored = {};
  let isRefused = false;

  /** All keys; replaced by what `change` makes of them, in one step. */
  async function use(change?: (keys: Stored) => Stored): Promise<Stored> {
    try {
      if (!isRefused) return (await registers<Stored>(REGISTER, change && ((keys = {}) => change(keys)))) ?? {};
    } catch (error) {
      if (!/^(Reference|Type|Security)Error$/.test((error as Error).name)) throw error;
      isRefused = true;
    }
    const before = memory;
    if (change) memory = change(memory);
    return before;
  }

  return {
    async create() {
      const subtle = findSubtle('browserKeys');
      const { binding, publicKey, privateKey } = await createPair(subtle, false);
      await use((keys) => (Object.hasOwn(keys, binding) ? keys : { ...keys, [binding]: { publicKey, privateKey } }));
      return signingKey(subtle, binding, publicKey, privateKey);
    },
    async find(binding): Promise<DpopKey | undefined> {
      const keys = await use();
      const found = Object.hasOwn(keys, binding) ? keys[binding] : undefined;
      return found && signingKey(findSubtle('browserKeys'), binding, found.publicKey, found.privateKey);
    },
    async remove(binding) {
      await use(({ [binding]: _removed, ...rest }) => rest);
    },
    list: async () => Object.keys(await use()),
  };
}
