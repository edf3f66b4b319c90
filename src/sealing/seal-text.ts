import { fromBase64, toBase64 } from './base64.js';
import { ALGORITHM, type CryptoKeyLike } from './sealing-key.js';

/** What stands before a value that names no key; of several keys any may open it. */
export const UNNAMED = 'evertoken.1.';

const IV_BYTES = 12;
/** Twelve bytes fill sixteen characters, so that what follows them is base64 of its own. */
const IV_CHARACTERS = 16;

/**
 * Encrypts a text with AES-256-GCM and a random 96-bit IV (NIST SP 800-38D): base64 of the IV and of what it gives.
 *
 * `bound` is authenticated and not stored: the same has to be given to open it, so that values cannot change places.
 */
export async function sealText(key: CryptoKeyLike, bound: string, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt(parameters(bound, iv), key as CryptoKey, new TextEncoder().encode(text));
  return toBase64(iv) + toBase64(new Uint8Array(sealed));
}

/** The text, or undefined where this key does not open it under this name. Never throws for what was stored. */
export async function openText(key: CryptoKeyLike, bound: string, sealed: string): Promise<string | undefined> {
  const iv = fromBase64(sealed.slice(0, IV_CHARACTERS));
  const bytes = fromBase64(sealed.slice(IV_CHARACTERS));
  const opened = await crypto.subtle.decrypt(parameters(bound, iv), key as CryptoKey, bytes).catch(() => undefined);
  return opened && new TextDecoder('utf-8', { ignoreBOM: true }).decode(opened);
}

function parameters(bound: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: ALGORITHM, iv, additionalData: new TextEncoder().encode(bound) };
}
