/** How often one refresh is tried, and with which delays. */
export interface RetryPolicy {
  /** Requests of one refresh, the first one included. */
  readonly attempts: number;
  /** The shortest delay between two attempts, in milliseconds; below 1 it counts as 1. */
  readonly minDelayMs: number;
  /** The longest delay between two attempts, in milliseconds; below `minDelayMs` it counts as `minDelayMs`. */
  readonly maxDelayMs: number;
}

const LONGEST = 2 ** 31 - 1;
/** The upper bound of a `Retry-After`: one hour. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * The delay in milliseconds before the next attempt, after `failures` failures in a row.
 *
 * Exponential with full jitter above a floor: whole milliseconds, spread evenly from `minDelayMs` to the lesser of
 * `maxDelayMs` and `minDelayMs * 2 ** failures`, at least 1, at most 2 147 483 647. `random` is in [0, 1).
 */
export function backoffDelay(failures: number, policy: RetryPolicy, random: number): number {
  const floor = within(policy.minDelayMs, 1, LONGEST);
  const ceiling = within(floor * 2 ** failures, floor, within(policy.maxDelayMs, floor, LONGEST));
  return Math.ceil(floor + within(random, 0, 1) * (ceiling - floor));
}

/** The same refusal, received several times in a row. */
export interface Repeats {
  /** Epoch milliseconds of the first one. */
  readonly since: number;
  readonly count: number;
}

/** The facts by which two refusals are compared. */
export interface Refusal {
  readonly code: string;
  readonly status?: number | undefined;
  readonly oauthError?: string | undefined;
  readonly repeats?: Repeats | undefined;
}

/** Adds a refusal to the count of the previous one if both are the same; otherwise starts a new count. */
export function countRepeats(last: Refusal | undefined, refusal: Refusal, now: number): Repeats {
  const { since = now, count = 0 } = last?.repeats ?? {};
  const isSame =
    since <= now && (['code', 'status', 'oauthError'] as const).every((fact) => last?.[fact] === refusal[fact]);
  return isSame ? { since, count: count + 1 } : { since: now, count: 1 };
}

/** Whether a refusal is lasting: it came at least five times, over at least ten minutes. */
export function isLasting(repeats: Repeats | undefined, at: number): boolean {
  return repeats !== undefined && repeats.count >= 5 && at - repeats.since >= 600_000;
}

/**
 * The delay in milliseconds after a lasting refusal: half of the time since it began, at most one hour.
 *
 * Jitter shortens it by up to a quarter, so that clients do not retry together. 0 for a refusal that is not lasting.
 */
export function lastingDelay(repeats: Repeats | undefined, now: number, random: number): number {
  if (!repeats || !isLasting(repeats, now)) return 0;
  return Math.floor(within((now - repeats.since) / 2, 0, MAX_RETRY_AFTER_MS) * (1 - within(random, 0, 1) / 4));
}

/**
 * Whether a refresh that failed may be tried again.
 *
 * A `retryAt` further ahead than the longest possible delay means that the clock was set back, so it is ignored. Up to
 * one hour is possible for a moment that the server named, and for the delay after a lasting refusal.
 */
export function mayRetry(
  {
    retryAt,
    named,
    repeats,
  }: { readonly retryAt: number; readonly named: boolean; readonly repeats?: Repeats | undefined },
  now: number,
  { maxDelayMs }: RetryPolicy,
): boolean {
  const leftMs = retryAt - now;
  // The delay is half of the time that the refusal had lasted, so it is a third of the span from `since` to `retryAt`.
  const lastingMs = repeats && isLasting(repeats, retryAt) ? (retryAt - repeats.since) / 3 : 0;
  return (
    leftMs <= 0 || leftMs > Math.max(named ? MAX_RETRY_AFTER_MS : Math.min(lastingMs, MAX_RETRY_AFTER_MS), maxDelayMs)
  );
}

// the comparison, unlike Math.max, turns NaN into the lower bound
function within(value: number, low: number, high: number): number {
  return value > low ? Math.min(value, high) : low;
}
