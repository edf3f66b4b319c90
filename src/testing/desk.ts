import { fingerprint, type Mint } from './mint.js';

/** An authorization request (RFC 6749 section 4.1.1); of a parameter named twice, the first. */
export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state: string | undefined;
  readonly scope: string;
  readonly codeChallenge: string | undefined;
  readonly codeChallengeMethod: string | undefined;
  readonly nonce: string | undefined;
  /** The thumbprint of the key that the code is for (RFC 9449 section 10). */
  readonly dpopJkt: string | undefined;
  readonly responseType: string | undefined;
  readonly responseMode: string | undefined;
  readonly prompt: readonly string[];
  readonly maxAgeMs: number | undefined;
  readonly acrValues: readonly string[];
  readonly loginHint: string | undefined;
  readonly resources: readonly string[];
  /** Names of the claims that access tokens are to meet. */
  readonly met: readonly string[];
}

/** What an authorization code stands for. */
export interface CodeRecord {
  readonly request: AuthorizationRequest;
  readonly issuer: string;
  readonly user: string;
  readonly authenticatedAt: number;
  readonly acr: string | undefined;
  readonly expiresAt: number;
  /** An access token that was issued for it: the second time, its family is revoked (RFC 6749 section 4.1.2). */
  usedFor?: string;
}

/** A device that waits (RFC 8628). */
export interface DeviceRecord {
  readonly clientId: string | undefined;
  readonly scope: string;
  readonly resources: readonly string[];
  readonly issuer: string;
  readonly userCode: string;
  readonly expiresAt: number;
  intervalMs: number;
  /** When it may poll next, in epoch milliseconds. */
  nextAt: number;
  /** What the user said at the verification address; undefined: the switch `consent` counts. */
  decision?: 'given' | 'refused';
}

/** Authorizations that are under way; codes are kept as hashes. */
export interface Desk {
  readonly codes: Shelf<CodeRecord>;
  readonly pushed: Shelf<{ readonly parameters: URLSearchParams; readonly expiresAt: number }>;
  readonly devices: Shelf<DeviceRecord>;
  /** When the user signed in at the server itself, in epoch milliseconds. */
  authenticatedAt: number;
}

/** Records by a secret that is given out once. */
export interface Shelf<T> {
  /** Puts a record there, and returns the secret. */
  put(record: T): string;
  find(secret: string): T | undefined;
  remove(secret: string): void;
  values(): Iterable<T>;
}

/** Makes an empty desk. */
export function createDesk(mint: Mint, now: () => number): Desk {
  return {
    codes: createShelf(mint, now, 'code.'),
    pushed: createShelf(mint, now, 'urn:ietf:params:oauth:request_uri:'),
    devices: createShelf(mint, now, 'device.'),
    authenticatedAt: now(),
  };
}

function createShelf<T extends { readonly expiresAt: number }>(
  mint: Mint,
  now: () => number,
  prefix: string,
): Shelf<T> {
  const records = new Map<string, T>();
  return {
    put: (record) => {
      // Kept for an hour after they expire, so that a second use is still recognised.
      for (const [key, { expiresAt }] of records) if (expiresAt + 3_600_000 <= now()) records.delete(key);
      const secret = prefix + mint.random();
      records.set(fingerprint(secret), record);
      return secret;
    },
    find: (secret) => records.get(fingerprint(secret)),
    remove: (secret) => void records.delete(fingerprint(secret)),
    values: () => records.values(),
  };
}
