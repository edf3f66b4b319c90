import { keyGone } from '../../core/lost-key.js';
import { asciiBytes, proofHeader, proofInput, proofUrl, signedProof } from '../../core/proof.js';
import { serverTime } from '../../core/skew.js';
import { StorageError } from '../../errors.js';
import type { DpopKey, DpopKeys } from '../../manager/token-manager.js';
import type { Secrets } from '../oauth/random.js';
import { refuse } from '../origins.js';
import { keepNewest } from './keep-newest.js';

/** What one proof is about. */
export interface Provable {
  /** The name of the key. */
  readonly binding: string;
  readonly method: string;
  /** The address as it is sent. */
  readonly url: string;
  readonly accessToken?: string | undefined;
}

/** Makes proofs with the keys of sessions. */
export interface Prover {
  /** Loads what is needed; the function returned makes a proof, and awaits nothing but the signature. */
  prepare(
    what: Provable,
  ): Promise<(facts: { now: number; skewMs: number | undefined; nonce: string | undefined }) => Promise<string>>;
}

/** A key that was loaded, with the header of its proofs. */
interface Loaded {
  readonly key: DpopKey;
  readonly header: string;
}

/** A session has one key; a few more belong to sign-ins under way. */
const MAX_LOADED = 8;

/** Makes a prover over a keeper of keys. */
export function createProver(keys: DpopKeys, secrets: Secrets): Prover {
  // Only what has come is kept: who shares a search that hangs, or that a runtime has cut off, waits for ever.
  const loaded = new Map<string, Loaded>();
  let hashed: { readonly accessToken: string; readonly hash: string } | undefined;

  async function load(binding: string): Promise<Loaded> {
    const known = loaded.get(binding);
    if (known) return known;
    const found = await find(keys, binding);
    keepNewest(loaded, binding, found, MAX_LOADED);
    return found;
  }

  async function hashOf(accessToken: string): Promise<string> {
    if (hashed?.accessToken === accessToken) return hashed.hash;
    const hash = await secrets.hash(accessToken);
    hashed = { accessToken, hash };
    return hash;
  }

  return {
    async prepare({ binding, method, url, accessToken }) {
      // An address that `fetch` rewrites: dots between slashes, or signs that it escapes.
      const isClear = !/\/(\.|%2e)|["<>`{}|^]/i.test(url.replace(/[?#].*/s, ''));
      const address = proofUrl(isClear ? url : new URL(url).href);
      if (address === undefined) refuse('url', 'an absolute http address', url);
      const { key, header } = await load(binding);
      const accessTokenHash = accessToken && (await hashOf(accessToken));
      return async ({ now, skewMs, nonce }) => {
        const id = secrets.random();
        const at = serverTime(now, skewMs);
        const input = proofInput(header, { method, url: address, id, at, nonce, accessTokenHash });
        try {
          return signedProof(input, new Uint8Array(await key.sign(asciiBytes(input))));
        } catch (cause) {
          loaded.delete(binding); // the next time it is looked up again
          throw unavailable('be able to sign', cause);
        }
      };
    },
  };
}

async function find(keys: DpopKeys, binding: string): Promise<Loaded> {
  let key: DpopKey | undefined;
  try {
    key = await keys.find(binding);
  } catch (cause) {
    throw unavailable('be found', cause);
  }
  if (key) return { key, header: proofHeader(key.publicKey) };
  throw keyGone(binding);
}

function unavailable(what: string, cause: unknown): StorageError {
  const message = `Expected the key that this session is bound to (DPoP) to ${what}, but the key store failed; try again.`;
  return new StorageError('ERR_STORAGE_READ', message, { cause });
}
