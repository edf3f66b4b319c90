import type { EcPublicKey } from '../core/proof.js';
import type { DpopKey, DpopKeys } from '../ports/keys.js';
import type { TokenStorage } from '../ports/storage.js';
import { checkOptions, checkStorage } from './parts/check-options.js';
import { findSubtle } from './parts/find-subtle.js';
import { createPair, curve, type SubtleLike, signingKey } from './parts/signing-key.js';

/** What {@link jwkKeys} accepts. */
export interface JwkKeysOptions {
  /** Where the keys lie, private halves and all: a file of mode 0600, a keychain. Required. */
  storage: TokenStorage;
  /** What makes keys and signs, such as `QuickCrypto.subtle`. Default: the global `crypto.subtle`. */
  subtle?: SubtleLike | undefined;
}

interface StoredKey extends EcPublicKey {
  readonly d: string;
}

const PREFIX = 'evertoken:dpop-key:';
const INDEX = 'evertoken:dpop-keys';

/**
 * Keeps keys as JWKs in a storage, for processes that share a session, and for React Native.
 *
 * Whoever can read the storage can copy the keys: it must be as safe as that of the refresh token. Each key has an item
 * of its own, which is never overwritten; a list of their names lies beside.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: no storage; from `create` and `find`: there is no `crypto.subtle`
 *
 * @example
 * const keys = dpop({ keys: jwkKeys({ storage: fileStorage('/home/ada/.shop/keys.json') }) });
 */
export function jwkKeys(options: JwkKeysOptions): DpopKeys {
  const instead = 'jwkKeys({ storage })';
  const given = checkOptions<JwkKeysOptions>('jwkKeys', options, ['storage', 'subtle'], instead);
  const storage = checkStorage('jwkKeys', given.storage, instead);

  async function list(): Promise<readonly string[]> {
    const text = await storage.getItem(INDEX);
    const names = parse(text);
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  }

  /** A name that two processes lose by writing at once is only missing in the list: its key is found, and noted again. */
  async function note(change: (names: readonly string[]) => readonly string[]): Promise<void> {
    const before = await list();
    const after = change(before);
    if (after.length === before.length) return;
    if (after.length > 0) await storage.setItem(INDEX, JSON.stringify(after));
    else await storage.removeItem(INDEX);
  }

  const add = (binding: string) => note((names) => (names.includes(binding) ? names : [...names, binding]));

  return {
    async create() {
      const subtle = findSubtle('jwkKeys', given.subtle);
      const { binding, publicKey, privateKey } = await createPair(subtle, true);
      const { d } = (await subtle.exportKey('jwk', privateKey)) as StoredKey;
      await storage.setItem(PREFIX + binding, JSON.stringify({ ...publicKey, d }));
      await add(binding);
      return signingKey(subtle, binding, publicKey, privateKey);
    },
    async find(binding) {
      const jwk = readKey(parse(await storage.getItem(PREFIX + binding)));
      return jwk && load(jwk, binding, findSubtle('jwkKeys', given.subtle));
    },
    async remove(binding) {
      await storage.removeItem(PREFIX + binding);
      await note((names) => names.filter((name) => name !== binding));
    },
    list,
  };

  async function load(jwk: StoredKey, binding: string, subtle: SubtleLike): Promise<DpopKey> {
    const privateKey = await subtle.importKey('jwk', jwk, curve, false, ['sign']);
    await add(binding).catch(() => undefined);
    const { kty, crv, x, y } = jwk;
    return signingKey(subtle, binding, { kty, crv, x, y }, privateKey);
  }
}

function parse(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined; // without the parser's message, which quotes the text
  }
}

/** A stored key; undefined for what is damaged, which no other try would bring back. */
function readKey(value: unknown): StoredKey | undefined {
  const jwk = Object(value) as StoredKey;
  const isSound =
    jwk.kty === 'EC' && jwk.crv === 'P-256' && [jwk.x, jwk.y, jwk.d].every((part) => typeof part === 'string');
  return isSound ? jwk : undefined;
}
