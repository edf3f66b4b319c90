export { type BrowserKeysOptions, browserKeys } from './adapters/indexed-db/browser-keys.js';
export { type JwkKeysOptions, jwkKeys } from './adapters/jwk-keys.js';
export { memoryKeys } from './adapters/memory-keys.js';
export type { SubtleLike } from './adapters/parts/signing-key.js';
export { type Dpop, type DpopOptions, dpop } from './integrations/dpop.js';
export type { CryptoLike } from './integrations/oauth/random.js';
export type { DpopKey, DpopKeys } from './ports/keys.js';
