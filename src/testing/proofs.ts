import { asciiBytes, base64url, type EcPublicKey, thumbprintInput } from '../core/proof.js';
import { readPayload } from './mint.js';
import { sha256 } from './sha256.js';

/** A DPoP proof as it came (RFC 9449 section 4.2). */
export interface Proof {
  /** The thumbprint of its key (RFC 7638). */
  readonly jkt: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What is wrong with it, whatever it was sent with; undefined: nothing. */
  readonly fault: string | undefined;
}

/** What a server remembers of proofs. */
export interface ProofBook {
  /** Proofs that were seen: none is good twice. */
  readonly seen: Set<string>;
  /** The nonces that were given, and how often each may still be used. */
  readonly nonces: Map<string, number>;
  current: string | undefined;
}

/** Makes an empty book. */
export function createProofBook(): ProofBook {
  return { seen: new Set(), nonces: new Map(), current: undefined };
}

/** Reads the proof of a request, and verifies its signature where there is `crypto.subtle`; undefined where there is none. */
export async function readProof(headers: Headers): Promise<Proof | undefined> {
  const text = headers.get('dpop');
  if (text === null) return undefined;
  const [head = '', payload = '', signature = '', more] = text.split('.');
  const header = readPayload(head);
  const claims = readPayload(payload) ?? {};
  const { kty, crv, x, y, d } = Object(header?.jwk) as EcPublicKey & { d?: unknown };
  const jwk = { kty, crv, x, y };
  const isKey = kty === 'EC' && crv === 'P-256' && [x, y].every((part) => /^[\w-]{43}$/.test(String(part)));
  const jkt = isKey ? base64url(sha256(asciiBytes(thumbprintInput(jwk)))) : '';
  const fault =
    !header || more !== undefined
      ? 'it is no JWT'
      : header.typ !== 'dpop+jwt' || header.alg !== 'ES256'
        ? 'it is no dpop+jwt with ES256'
        : !isKey || d !== undefined
          ? 'its jwk is no public key on P-256'
          : (await isSigned(jwk, `${head}.${payload}`, signature))
            ? undefined
            : 'its signature is not by its key';
  return { jkt, claims, fault };
}

async function isSigned(jwk: EcPublicKey, input: string, signature: string): Promise<boolean> {
  const { crypto } = globalThis as { crypto?: Crypto };
  if (!crypto?.subtle) return true;
  try {
    const bytes = Uint8Array.from(atob(signature.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const key = await crypto.subtle.importKey('jwk', { ...jwk }, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'verify',
    ]);
    return await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, asciiBytes(input));
  } catch {
    return false;
  }
}
