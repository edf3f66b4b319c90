import { refuse } from '../origins.js';

/** The two functions that signing in needs of a platform's cryptography; expo-crypto has them. */
export interface CryptoLike {
  getRandomValues(bytes: Uint8Array): Uint8Array;
  sha256(bytes: Uint8Array): Promise<ArrayBuffer>;
}

/** Secrets of a sign-in, and hashes of them. */
export interface Secrets {
  /** 256 bits, as 43 characters of base64url. */
  random(): string;
  /** The SHA-256 of a text of ASCII characters, in base64url (RFC 7636 section 4.2). */
  hash(text: string): Promise<string>;
}

interface GlobalCrypto {
  getRandomValues?: CryptoLike['getRandomValues'];
  subtle?: { digest(algorithm: string, bytes: Uint8Array): Promise<ArrayBuffer> };
}

/** Makes secrets with what is given, or with the global `crypto`, which is looked up on first use. */
export function secretsFrom(given: CryptoLike | undefined): Secrets {
  const find = (): CryptoLike => {
    if (given) return given;
    const { crypto } = globalThis as { crypto?: GlobalCrypto };
    const { subtle } = crypto ?? {};
    // Insecure pages lack `subtle`, React Native lacks both.
    if (!crypto?.getRandomValues || !subtle)
      refuse('crypto', 'getRandomValues and sha256 where there is no global crypto', undefined);
    return {
      getRandomValues: (bytes) => crypto.getRandomValues?.(bytes) ?? bytes,
      sha256: (bytes) => subtle.digest('SHA-256', bytes),
    };
  };
  return {
    random: () => base64url(find().getRandomValues(new Uint8Array(32))),
    hash: async (text) => {
      const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      return base64url(new Uint8Array(await find().sha256(bytes)));
    },
  };
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}
