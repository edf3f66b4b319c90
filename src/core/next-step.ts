import { mayRetry, type RetryPolicy } from './backoff.js';
import { isUsable } from './freshness.js';
import type { RefreshReason } from './session-events.js';
import type { SessionRecord } from './session-record.js';

/** The longest delay before the next attempt for which a caller waits. */
const MAX_WAIT_MS = 5_000;

/** The outcome of one attempt of a refresh. */
export interface AttemptResult {
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** How many attempts this refresh may make. */
  readonly attempts: number;
  readonly reason: RefreshReason;
  /** Why it failed; `isPassing`: another attempt soon may help. */
  readonly failure: { readonly retryAt: number; readonly isPassing: boolean } | undefined;
  /** The record that the storage contained; its tokens may have expired while a slow storage was read. */
  readonly found: SessionRecord | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What a refresh does after an attempt. */
export type NextStep =
  | { readonly step: 'retry'; readonly delayMs: number }
  /** The tokens that were found have expired, and may be refreshed at once. */
  | { readonly step: 'refresh-found' }
  | { readonly step: 'stop'; readonly isExpired: boolean };

/** Decides what a refresh does after an attempt. */
export function nextStep(
  { attempt, attempts, reason, failure, found, now }: AttemptResult,
  policy: RetryPolicy,
): NextStep {
  if (failure) {
    const delayMs = failure.retryAt - now;
    if (failure.isPassing && attempt < attempts && delayMs <= MAX_WAIT_MS) return { step: 'retry', delayMs };
  }
  const isExpired = found !== undefined && !isUsable(found.tokens, now);
  const pause = found?.failure;
  const isPauseOver = !pause || mayRetry(pause, now, policy) || (reason === 'asked' && !pause.named);
  return isExpired && isPauseOver ? { step: 'refresh-found' } : { step: 'stop', isExpired };
}
