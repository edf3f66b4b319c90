import { MAX_RETRY_AFTER_MS } from './backoff.js';

/** How often in a row one and the same refusal came, and since when. */
export interface Repetition {
  /** Requests that were refused like this. */
  readonly times: number;
  /** Epoch milliseconds; when the first of them was. */
  readonly sinceAt: number;
}

/** What makes a refusal the same as the one before. */
interface Refusal extends Partial<{ readonly [Name in keyof Repetition]: Repetition[Name] | undefined }> {
  readonly code: string;
  readonly status: number | undefined;
  readonly oauthError: string | undefined;
}

const MANY = 5;
const LONG_MS = 600_000;

/** Counts a refusal of unknown meaning, or of a wrong setup, on from the failure before it. */
export function countRefusal(before: Refusal | undefined, refusal: Refusal, now: number): Repetition {
  const isSame =
    before?.code === refusal.code && before.status === refusal.status && before.oauthError === refusal.oauthError;
  // a clock that was set back makes the trouble no older than it can be
  return { times: (isSame ? (before.times ?? 1) : 0) + 1, sinceAt: Math.min((isSame && before.sinceAt) || now, now) };
}

/** Whether the same refusal came five times over ten minutes: asking again as often is of no use. */
export function isStubborn({ times = 0, sinceAt = 0 }: Partial<Refusal>, at: number): boolean {
  return times >= MANY && at - sinceAt >= LONG_MS;
}

/**
 * The delay in milliseconds before a refusal that stays the same is asked about again.
 *
 * `shortestMs` until it is stubborn; from then on half of its age to all of it, spread by `random` in [0, 1), at most an
 * hour: a pause that doubles, and needs no memory but when the trouble began.
 */
export function refusalDelay(repetition: Repetition, shortestMs: number, now: number, random: number): number {
  if (!isStubborn(repetition, now)) return shortestMs;
  const ageMs = now - repetition.sinceAt;
  return Math.ceil(Math.max(shortestMs, Math.min((ageMs * (1 + random)) / 2, MAX_RETRY_AFTER_MS)));
}
