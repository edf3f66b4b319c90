import { asciiBytes, base64url, thumbprintInput } from '../core/proof.js';
import type { DpopKey, DpopKeys } from '../ports/keys.js';
import {
  type ContractCheck,
  type ContractOptions,
  createChecks,
  type Make,
  type Promises,
  same,
  type UnderTest,
} from './contract.js';
import { sha256 } from './sha256.js';

/** What the factory of {@link dpopKeysContract} gives. */
export interface DpopKeysUnderTest extends UnderTest {
  keys: DpopKeys;
  /** Another view on the same keys, as another tab, process or start of the application has; needed with `shared`. */
  second?: DpopKeys;
}

/** What keys claim beyond the essentials. */
export interface DpopKeysContractOptions extends ContractOptions {
  /** Others find at once what one has made: also runs the checks that use `second`. Default `false`. */
  shared?: boolean;
}

/**
 * The checks of a keeper of keys: what a bound session relies on, in plain words, for any test runner.
 *
 * Every check removes the keys that it made. Signatures are verified where there is `crypto.subtle`.
 *
 * @example
 * for (const { name, run } of dpopKeysContract(() => ({ keys: myKeys() }))) test(name, run);
 */
export function dpopKeysContract(
  make: Make<DpopKeysUnderTest>,
  { shared = false, ...options }: DpopKeysContractOptions = {},
): ContractCheck[] {
  return createChecks(make, { ...essentials, ...(shared && acrossContexts) }, options);
}

const essentials: Promises<DpopKeysUnderTest> = {
  'names a key by the thumbprint of its public half': async ({ keys }) => {
    const { binding, publicKey } = await keys.create();
    const { kty, crv, x, y } = publicKey;
    same(`${kty} ${crv}`, 'EC P-256', 'kind and curve of the key');
    same(binding, base64url(sha256(asciiBytes(thumbprintInput({ kty, crv, x, y })))), 'the name of the key');
    await keys.remove(binding);
  },
  'shows nothing but the public half': async ({ keys }) => {
    const { binding, publicKey } = await keys.create();
    same(Object.keys(publicKey).sort().join(), 'crv,kty,x,y', 'the members of the public key');
    await keys.remove(binding);
  },
  'signs so that the public half verifies it': async ({ keys }) => {
    const key = await keys.create();
    await checkSignature(key);
    await keys.remove(key.binding);
  },
  'finds a key that it has made': async ({ keys }) => {
    const { binding, publicKey } = await keys.create();
    const found = await keys.find(binding);
    same(found?.binding, binding, 'the name of the key that was found');
    same(JSON.stringify(found?.publicKey), JSON.stringify(publicKey), 'its public half');
    if (found) await checkSignature(found);
    await keys.remove(binding);
  },
  'makes two keys when asked twice, also at once, and keeps both': async ({ keys }) => {
    const [first, second] = await Promise.all([keys.create(), keys.create()]);
    same(first.binding === second.binding, false, 'that both have the same name');
    for (const { binding } of [first, second]) same((await keys.find(binding))?.binding, binding, 'the key found');
    const listed = await keys.list();
    for (const { binding } of [first, second]) same(listed.includes(binding), true, 'that a key is listed');
    for (const { binding } of [first, second]) await keys.remove(binding);
  },
  'gives undefined for a name that it does not know': async ({ keys }) => {
    same(await keys.find('A'.repeat(43)), undefined, 'a key that was never made');
    same(await keys.find('__proto__'), undefined, 'a key with an unusual name');
  },
  'removes one key and no other, and takes a second removal': async ({ keys }) => {
    const gone = await keys.create();
    const kept = await keys.create();
    await keys.remove(gone.binding);
    await keys.remove(gone.binding);
    same(await keys.find(gone.binding), undefined, 'a removed key');
    same((await keys.list()).includes(gone.binding), false, 'that a removed key is listed');
    same((await keys.find(kept.binding))?.binding, kept.binding, 'the other key');
    await keys.remove(kept.binding);
    same((await keys.list()).includes(kept.binding), false, 'that the last key is listed');
  },
};

const acrossContexts: Promises<DpopKeysUnderTest> = {
  'finds elsewhere what was made here, and signs with it': async ({ keys, second = keys }) => {
    const { binding } = await keys.create();
    const found = await second.find(binding);
    same(found?.binding, binding, 'the key that was found elsewhere');
    if (found) await checkSignature(found);
    await keys.remove(binding);
    same(await second.find(binding), undefined, 'a key that was removed elsewhere');
  },
  'loses no key when two make some at once': async ({ keys, second = keys }) => {
    const made = await Promise.all([keys, second, keys, second].map((one) => one.create()));
    for (const { binding } of made) {
      for (const one of [keys, second]) same((await one.find(binding))?.binding, binding, 'a key made beside others');
    }
    for (const { binding } of made) await keys.remove(binding);
  },
};

/** Checks a signature: its form, and against the public half where this runtime can. */
async function checkSignature({ publicKey, sign }: DpopKey): Promise<void> {
  const data = asciiBytes('what is signed');
  const signature = new Uint8Array(await sign(data));
  same(signature.length, 64, 'the bytes of a signature, r and s');
  const { crypto } = globalThis as { crypto?: Crypto };
  if (!crypto?.subtle) return;
  const { kty, crv, x, y } = publicKey;
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  const key = await crypto.subtle.importKey('jwk', { kty, crv, x, y }, curve, false, ['verify']);
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  same(await crypto.subtle.verify(algorithm, key, signature, data), true, 'that the signature is verified');
}
