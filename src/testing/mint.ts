import { base64url } from '../core/proof.js';
import { hmacSha256, sha256 } from './sha256.js';

/** What makes the secrets of one server. */
export interface Mint {
  /** A new random string of 22 characters. */
  random(): string;
  /** The string that belongs to a secret and a label: the same each time, and of no use for finding the secret. */
  derive(secret: string, label: string): string;
  /** A JWT with these claims, signed with HS256 and this server's own key. */
  jwt(type: string, claims: Record<string, unknown>): string;
  /** The claims of a JWT that this server has signed, expired or not; undefined for any other. */
  read(jwt: string): Record<string, unknown> | undefined;
}

/** Makes secrets out of `random`, or out of `crypto` where that is not given. */
export function createMint(random: (() => number) | undefined): Mint {
  const draw = (): string => {
    const bytes = new Uint8Array(16);
    return base64url(random ? bytes.map(() => random() * 256) : globalThis.crypto.getRandomValues(bytes));
  };
  const key = new TextEncoder().encode(draw());
  const sign = (content: string) => base64url(hmacSha256(key, new TextEncoder().encode(content)));
  return {
    random: draw,
    derive: (secret, label) => base64url(hmacSha256(new TextEncoder().encode(secret), new TextEncoder().encode(label))),
    jwt: (type, claims) => {
      const content = [{ alg: 'HS256', typ: type }, claims].map((part) =>
        base64url(new TextEncoder().encode(JSON.stringify(part))),
      );
      return [...content, sign(content.join('.'))].join('.');
    },
    read: (jwt) => {
      const [header = '', payload = '', signature] = jwt.split('.');
      return sign(`${header}.${payload}`) === signature ? readPayload(payload) : undefined;
    },
  };
}

/** The JSON object in one part of a JWT; undefined where there is none. */
export function readPayload(part: string): Record<string, unknown> | undefined {
  try {
    const text = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const value: unknown = JSON.parse(
      new TextDecoder().decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0))),
    );
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A hash of a token: it recognises the token, and cannot be used in its place. */
export function fingerprint(token: string): string {
  return String.fromCharCode(...sha256(new TextEncoder().encode(token)));
}

/** The base64 form of some bytes (RFC 4648 section 4). */
export function base64(bytes: Uint8Array): string {
  let text = '';
  // In chunks, because the number of arguments of a call is limited.
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}
