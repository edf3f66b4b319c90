import { asciiBytes, base64url, type EcPublicKey, thumbprintInput } from '../../core/proof.js';
import type { DpopKey } from '../../ports/keys.js';

/** The used part of `crypto.subtle`; react-native-quick-crypto has it. */
export interface SubtleLike {
  generateKey(algorithm: Curve, extractable: boolean, usages: readonly ('sign' | 'verify')[]): Promise<unknown>;
  exportKey(format: 'jwk', key: object): Promise<object>;
  importKey(
    format: 'jwk',
    key: object,
    algorithm: Curve,
    extractable: boolean,
    usages: readonly ('sign' | 'verify')[],
  ): Promise<object>;
  sign(algorithm: { name: string; hash: string }, key: object, data: Bytes): Promise<ArrayBuffer>;
  digest(algorithm: string, data: Bytes): Promise<ArrayBuffer>;
}

// What `BufferSource` asks for, said without the type parameter that older compilers do not know.
type Bytes = Uint8Array & { readonly buffer: ArrayBuffer };

interface Curve {
  readonly name: string;
  readonly namedCurve: string;
}

/** The algorithm of every key: ECDSA on P-256, ES256 with SHA-256 (RFC 7518 section 3.4). */
export const curve: Curve = { name: 'ECDSA', namedCurve: 'P-256' };
const algorithm = { name: 'ECDSA', hash: 'SHA-256' };

/** A new pair of keys; the private one can be exported only where that is asked for. */
export async function createPair(
  subtle: SubtleLike,
  extractable: boolean,
): Promise<{ privateKey: object; publicKey: EcPublicKey; binding: string }> {
  const pair = (await subtle.generateKey(curve, extractable, ['sign', 'verify'])) as Record<string, object>;
  const { privateKey = {}, publicKey: exportable = {} } = pair;
  const { x, y } = (await subtle.exportKey('jwk', exportable)) as EcPublicKey;
  const publicKey: EcPublicKey = { kty: 'EC', crv: 'P-256', x, y };
  const hash = await subtle.digest('SHA-256', asciiBytes(thumbprintInput({ ...publicKey })));
  return { privateKey, publicKey, binding: base64url(new Uint8Array(hash)) };
}

/** The key of the port, from its parts. */
export function signingKey(subtle: SubtleLike, binding: string, publicKey: EcPublicKey, privateKey: object): DpopKey {
  return { binding, publicKey, sign: (data) => subtle.sign(algorithm, privateKey, data as Bytes) };
}
