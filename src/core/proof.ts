import { readDestination } from './origin.js';

/** The public half of a key on the curve P-256, as a JWK (RFC 7518 section 6.2.1). */
export interface EcPublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** What a proof says of one sending of one request (RFC 9449 section 4.2). */
export interface ProofClaims {
  /** The method as it is sent. */
  readonly method: string;
  /** What {@link proofUrl} made of the address. */
  readonly url: string;
  /** Unique for each proof. */
  readonly id: string;
  /** Epoch milliseconds on the server's clock. */
  readonly at: number;
  readonly nonce?: string | undefined;
  /** The SHA-256 of the access token, in base64url; none where no access token is sent. */
  readonly accessTokenHash?: string | undefined;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Methods that `fetch` writes in capitals; any other is sent as it is. */
const NORMALIZED = /^(delete|get|head|options|post|put)$/i;

/** The header of all proofs of a key, encoded (RFC 9449 section 4.2). */
export function proofHeader({ kty, crv, x, y }: EcPublicKey): string {
  return encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
}

/** What has to be signed for a proof: the header and the claims, encoded. */
export function proofInput(header: string, claims: ProofClaims): string {
  const { method, url, id, at, nonce, accessTokenHash } = claims;
  const payload = { jti: id, htm: method, htu: url, iat: Math.floor(at / 1_000), ath: accessTokenHash, nonce };
  return `${header}.${encode(payload)}`;
}

/** The proof: what was signed, and its signature. */
export function signedProof(input: string, signature: Uint8Array): string {
  return `${input}.${base64url(signature)}`;
}

/** The address as a proof names it: origin and path, without query and fragment; undefined where it cannot be read. */
export function proofUrl(url: string): string | undefined {
  const { origin } = readDestination(url) ?? {};
  return origin && origin + (/^\w+:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] || '/');
}

/** The method as `fetch` sends it. */
export function proofMethod(method: string): string {
  return NORMALIZED.test(method) ? method.toUpperCase() : method;
}

/** What the SHA-256 of a thumbprint is taken of: the required members of a JWK (RFC 7638 section 3). */
export function thumbprintInput(required: Readonly<Record<keyof EcPublicKey, string>>): string;
export function thumbprintInput(required: Readonly<Record<string, string>>): string;
export function thumbprintInput(required: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(required).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** The bytes of a text of ASCII characters. */
export function asciiBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Bytes in base64url, without padding (RFC 7515 section 2). */
export function base64url(bytes: Uint8Array): string {
  let text = '';
  for (let bit = 0; bit < bytes.length * 8; bit += 6) {
    const [high = 0, low = 0] = [bytes[bit >> 3], bytes[(bit >> 3) + 1]];
    text += ALPHABET[(((high << 8) | low) >> (10 - (bit & 7))) & 63];
  }
  return text;
}

// Whatever is not ASCII, such as in a method of one's own, is escaped: then each character is a byte.
function encode(value: object): string {
  const json = JSON.stringify(value).replace(
    /[^ -~]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return base64url(asciiBytes(json));
}
