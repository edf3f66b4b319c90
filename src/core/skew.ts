/** A difference of less than this is none: the clocks of servers differ by as much. */
const TOLERANCE_MS = 5_000;
/** An answer that took longer, because the page was frozen, tells too little about the moment it was made. */
const MAX_ROUND_TRIP_MS = 10_000;

/** How far a server's clock is ahead of ours, in milliseconds, by the `Date` of an answer; undefined where that does not say. */
export function skewOfDate(date: string | null, sentAt: number, receivedAt: number): number | undefined {
  const at = /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/.test(date ?? '') ? Date.parse(date ?? '') : Number.NaN;
  const tookMs = receivedAt - sentAt;
  if (Number.isNaN(at) || !(tookMs >= 0 && tookMs <= MAX_ROUND_TRIP_MS)) return undefined;
  return at + 500 - (sentAt + receivedAt) / 2; // it counts whole seconds
}

/**
 * The same, by an access token that is a JWT: what the server says of its times, and what we have measured.
 *
 * Both of its moments have to tell the same. A token that a server gives out twice was issued long ago, and one that lasts
 * longer than `expires_in` says has an `exp` of its own.
 */
export function skewOfToken(
  claims: Readonly<Record<string, unknown>> | undefined,
  issuedAt: number | undefined,
  expiresAt: number | undefined,
): number | undefined {
  const { iat, exp } = claims ?? {};
  if (typeof iat !== 'number' || issuedAt === undefined) return undefined;
  const skewMs = iat * 1_000 + 500 - issuedAt;
  const other = typeof exp === 'number' && expiresAt !== undefined ? exp * 1_000 - expiresAt : skewMs;
  return isSameSkew(skewMs, other) ? skewMs : undefined;
}

/** Whether two differences of clocks are the same, as far as that can be told. */
export function isSameSkew(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE_MS;
}

/** The moment of a server, from one of ours; a difference too small to be known counts as none. */
export function serverTime(now: number, skewMs = 0): number {
  return isSameSkew(skewMs, 0) ? now : now + skewMs;
}
