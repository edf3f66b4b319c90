import type { TokenSet } from './token-set.js';

/** When a token was issued, and when it expires. */
export type Life = Pick<TokenSet, 'issuedAt' | 'expiresAt'>;

/** Not due; due but usable; unusable. */
export type Freshness = 'fresh' | 'stale' | 'expired';

const MAX_LEEWAY_MS = 300_000;
/** If `issuedAt` is further in the future than this, the clock was set back. */
const SKEW_MS = 60_000;

/**
 * When a refresh is due, in epoch milliseconds; never, where the expiry is unknown.
 *
 * `random` in [0, 1) moves the moment earlier by up to half the leeway. A token is never due before half its lifetime.
 */
export function dueAt(tokens: Life, leewayMs: number | undefined, random: number): number {
  if (tokens.expiresAt === undefined) return Number.POSITIVE_INFINITY;
  const lifetimeMs = tokens.expiresAt - tokens.issuedAt;
  const leeway = (leewayMs ?? Math.min(lifetimeMs / 5, MAX_LEEWAY_MS)) * (1 + random / 2);
  return Math.floor(tokens.expiresAt - Math.min(leeway, lifetimeMs / 2));
}

/** The first moment at which a token set can be fresh; if it is earlier now, the clock was set back. */
export function freshFrom(tokens: Life): number {
  return tokens.issuedAt - SKEW_MS;
}

/** Whether a token set has not expired. */
export function isUsable({ expiresAt }: Pick<Life, 'expiresAt'>, now: number): boolean {
  return expiresAt === undefined || now < expiresAt;
}

/** The freshness of a token set at `now`, given when it is due. */
export function freshness(tokens: Life, due: number, now: number): Freshness {
  if (!isUsable(tokens, now)) return 'expired';
  return now < due && now >= freshFrom(tokens) ? 'fresh' : 'stale';
}

/** Whether a token is valid for `minValidityMs` from now, or for about as long as this server's tokens can be. */
export function outlives(tokens: Life, due: number, now: number, minValidityMs: number): boolean {
  if (tokens.expiresAt === undefined) return true;
  return tokens.expiresAt - now >= Math.min(minValidityMs, due - tokens.issuedAt);
}
