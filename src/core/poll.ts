/** The meaning of the answer to one poll of a device (RFC 8628 section 3.5). */
export type PollOutcome =
  | { readonly kind: 'granted' }
  /** Not decided yet: poll again, from now on at this interval. */
  | { readonly kind: 'again'; readonly intervalMs: number }
  | { readonly kind: 'refused' | 'expired' | 'config' | 'rejected' };

const DEFAULT_INTERVAL_MS = 5_000;
const SLOW_DOWN_MS = 5_000;
const MAX_LATE_MS = 1_000;
const CONFIG = ['invalid_client', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_target'];

/** The interval that a server named in seconds; 5 000 ms for anything that is no positive number. */
export function readInterval(seconds: unknown): number {
  const given = typeof seconds === 'string' ? Number(seconds) : seconds;
  const isUsable = typeof given === 'number' && given > 0 && Number.isFinite(given);
  return isUsable ? given * 1_000 : DEFAULT_INTERVAL_MS;
}

/**
 * How long to wait before the next poll: a little longer than the interval.
 *
 * Adds at most a quarter of it and at most 1 000 ms, but never 0: a strict server measures from when it answered.
 */
export function delayOf(intervalMs: number, random: number): number {
  return intervalMs + Math.min(intervalMs / 4, MAX_LATE_MS) * (0.2 + 0.8 * random);
}

/** Reads an answer; `error` is its OAuth error code, `isTokens` says whether it looks like tokens. */
export function readPoll(
  { status, error, isTokens }: { status: number; error: unknown; isTokens: boolean },
  intervalMs: number,
): PollOutcome {
  if (error === 'slow_down') return { kind: 'again', intervalMs: intervalMs + SLOW_DOWN_MS };
  const isPending = error === 'authorization_pending';
  // These statuses are temporary: they do not tell whether the user has decided.
  if (isPending || status === 408 || status === 429 || status >= 500) return { kind: 'again', intervalMs };
  if (error === 'access_denied') return { kind: 'refused' };
  if (error === 'expired_token') return { kind: 'expired' };
  if (CONFIG.includes(String(error)) || (status >= 300 && status < 400)) return { kind: 'config' };
  if (error !== undefined || status >= 400) return { kind: 'rejected' };
  // Success without tokens: an empty answer, or the page of a captive portal.
  return isTokens ? { kind: 'granted' } : { kind: 'again', intervalMs };
}
