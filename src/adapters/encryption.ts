export type { CryptoKeyLike, SealingKey } from '../sealing/sealing-key.js';
export {
  type EncryptedStorage,
  type EncryptionOptions,
  encrypted,
  type Seal,
} from './encryption/encrypted.js';
export { type EnvelopeOptions, envelopeKeys, type KmsLike } from './encryption/envelope-keys.js';
export type { KeyRing, RingKey } from './encryption/key-ring.js';
export { type ResealOptions, type ResealProgress, reseal } from './encryption/reseal.js';
export { type StaticKey, staticKeys } from './encryption/static-keys.js';
