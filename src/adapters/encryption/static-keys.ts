import { OptionsError } from '../../errors.js';
import { importSealingKey, type SealingKey, takeSealingKey } from '../../sealing/sealing-key.js';
import { checkKeyId } from './key-id.js';
import type { KeyRing } from './key-ring.js';

/** A key that the application has itself, from its configuration or a secret manager. */
export interface StaticKey {
  /** A name that says nothing secret, such as `'2026-11'`; stored with every value. */
  id: string;
  /** 32 random bytes, or a `CryptoKey` of AES-GCM that may encrypt and decrypt. */
  key: SealingKey;
}

/**
 * Keys that the process has at hand: the first seals, each opens what it has sealed.
 *
 * To change keys without a sign-out, deploy the new one behind the old one everywhere, then in front of it; run
 * {@link reseal}, and take the old one away when none needs it any more.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: no key, two of one id, or one that is not 32 bytes
 */
export function staticKeys(...keys: StaticKey[]): KeyRing {
  const own = keys.map((one) => {
    checkKeyId(one?.id);
    return { id: one.id, key: takeSealingKey(one.key) };
  });
  const ids = new Set(own.map(({ id }) => id));
  if (keys.length === 0 || ids.size < keys.length) {
    const came = keys.length === 0 ? 'none' : 'two of one id';
    throw new OptionsError('ERR_OPTIONS', `Expected keys with an id each, got ${came}. Write staticKeys({ id, key }).`);
  }
  let imported: Promise<{ id: string; key: CryptoKey }[]> | undefined;
  const ready = () => {
    imported ??= Promise.all(own.map(async ({ id, key }) => ({ id, key: await importSealingKey(key) })));
    return imported;
  };
  return {
    async current() {
      const [first] = await ready();
      return first as { id: string; key: CryptoKey };
    },
    async find(id) {
      const all = await ready();
      return all.filter((one) => id === undefined || one.id === id).map(({ key }) => key);
    },
  };
}
