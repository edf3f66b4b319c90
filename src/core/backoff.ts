/** How often and how densely one refresh is tried. */
export interface RetryPolicy {
  /** Requests of one refresh, the first one included. */
  readonly attempts: number;
  /** The shortest delay between two attempts, in milliseconds; below 1 it counts as 1. */
  readonly minDelayMs: number;
  /** The longest delay between two attempts, in milliseconds; below `minDelayMs` it counts as `minDelayMs`. */
  readonly maxDelayMs: number;
}

const LONGEST = 2 ** 31 - 1;
/** The longest that a server may ask us to wait. */
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

/**
 * Whether a refresh that failed may be tried again.
 *
 * A `retryAt` further ahead than any delay there is says that the clock was set back since. A moment that the server has
 * named may be an hour ahead, and so may the pause after a refusal that came again and again (`times`).
 */
export function mayRetry(
  { retryAt, named, times }: { readonly retryAt: number; readonly named: boolean; readonly times?: number | undefined },
  now: number,
  { maxDelayMs }: RetryPolicy,
): boolean {
  const leftMs = retryAt - now;
  return leftMs <= 0 || leftMs > (named || times ? Math.max(MAX_RETRY_AFTER_MS, maxDelayMs) : maxDelayMs);
}

// the comparison, unlike Math.max, turns NaN into the lower bound
function within(value: number, low: number, high: number): number {
  return value > low ? Math.min(value, high) : low;
}
