import { backoffDelay, countRepeats, lastingDelay, type Refusal, type Repeats } from '../core/backoff.js';
import { failureError, isPassing as mayPass } from '../core/failure-error.js';
import { isUsable } from '../core/freshness.js';
import type { Failing } from '../core/session.js';
import { isForked, isLater, isSameSession, type SessionRecord, type StoredFailure } from '../core/session-record.js';
import type { AnyTokenError } from '../errors.js';
import type { Refused } from './answer.js';
import type { AttemptEnd } from './attempt-end.js';
import type { Settings } from './options.js';

/** What one attempt came to; published after the lock was released. */
export type AttemptOutcome =
  /** There are new tokens: our own, or those of a peer that was faster. */
  | {
      readonly kind: 'refreshed';
      readonly by: 'us' | 'peer';
      readonly record: SessionRecord;
      /** The request that brought them, where it was this attempt's own. */
      readonly request?: number | undefined;
      /** The server would give no better tokens: these are served although they may have expired on the way. */
      readonly isBestAvailable?: boolean;
    }
  /** The storage holds another session, or none any more. */
  | { readonly kind: 'replaced'; readonly record: SessionRecord | undefined }
  | AttemptEnd
  | AttemptFailure
  /** Tokens came, but the lock was lost: they are kept, and stored in another attempt. */
  | LockLoss
  /** The session was ended or replaced here meanwhile: the outcome is dropped. */
  | { readonly kind: 'superseded' };

export interface LockLoss extends Omit<AttemptFailure, 'kind'> {
  readonly kind: 'lock-lost';
}

export interface AttemptFailure {
  readonly kind: 'failed';
  readonly error: AnyTokenError;
  readonly retryAt: number;
  /** The server named `retryAt`. */
  readonly named: boolean;
  readonly repeats?: Repeats | undefined;
  readonly record: SessionRecord | undefined;
  /** Another attempt soon may help. */
  readonly isPassing: boolean;
  /** False where it is the failure of a peer that was found in the storage. */
  readonly isOwn: boolean;
  /** An errand was refused as if the grant were over; whether it is, a refresh of the session itself has to tell. */
  readonly isDoubt?: boolean;
}

/**
 * What stands of an attempt by the time that its lock is released: tokens that are over by now are none to serve where a
 * peer, who took the lock over, has brought others, and no end of the session where tokens that came late have replaced
 * the refused ones.
 */
export function whatStands(outcome: AttemptOutcome, held: SessionRecord | undefined, now: number): AttemptOutcome {
  const refused = outcome.kind === 'ended' ? outcome.of : undefined;
  const isOver = outcome.kind === 'refreshed' && !isUsable(outcome.record.tokens, now);
  const isOther =
    held &&
    (refused
      ? isSameSession(held, refused) &&
        isLater(held, refused) &&
        held.tokens.refreshToken !== refused.tokens.refreshToken
      : isOver && isForked(held, outcome.record));
  return isOther ? { kind: 'refreshed', by: 'peer', record: held } : outcome;
}

/** The failure of a peer that was found in the storage. */
export function failureOfPeer(record: SessionRecord | undefined, failure: StoredFailure): AttemptFailure {
  return failed(failureError(failure), failure, record, mayPass(failure), false);
}

/** The attempt failed; the session is kept. */
export function failed(
  error: AnyTokenError,
  { retryAt, named, repeats }: Pick<StoredFailure, 'retryAt' | 'named' | 'repeats'>,
  record: SessionRecord | undefined,
  isPassing: boolean,
  isOwn: boolean,
): AttemptFailure {
  return { kind: 'failed', error, retryAt, named, repeats, record, isPassing, isOwn };
}

/** The storage or the lock failed: no request was made, and the next call may try again at once. */
export function unavailable(error: AnyTokenError, now: number): AttemptFailure {
  Object.assign(error, { retryAt: now });
  return failed(error, { retryAt: now, named: false }, undefined, false, true);
}

/** The refusal as it is stored, with the pause that follows from it. `last`: the one before it. */
export function storedFailure(
  { failure: { kind, status, oauthError, retryAt: named }, code, isAnswer }: Refused,
  last: Refusal | undefined,
  count: number,
  { retry, platform }: Settings,
): { readonly failure: StoredFailure; readonly isPassing: boolean } {
  const now = platform.clock.now();
  const isPassing = kind === 'transient' || kind === 'unknown';
  const refusal = { code, status, oauthError };
  // An unreadable answer and a wrong configuration may last for ever.
  const isStubborn = /config|dead/.test(kind) || (kind === 'unknown' && isAnswer);
  const repeats = isStubborn ? countRepeats(last, refusal, now) : undefined;
  const delayMs = Math.max(
    isPassing ? backoffDelay(count, retry, platform.random()) : retry.maxDelayMs,
    repeats ? lastingDelay(repeats, now, platform.random()) : 0,
  );
  const retryAt = Math.max(now + delayMs, named ?? 0);
  return { failure: { ...refusal, retryAt, named: named !== undefined, count, repeats }, isPassing };
}

/** The failure before this one, where there is no record to tell it. */
export function lastRefusal(failing: Failing | undefined): Refusal | undefined {
  return failing && { repeats: failing.repeats, ...(failing.error as Refusal) };
}

/** Tokens that have to be looked at once more: they were in the storage, or a slow storage may have outlived them. */
export function foundBy(
  outcome: AttemptOutcome,
  base: SessionRecord | undefined,
  held: SessionRecord | undefined,
): SessionRecord | undefined {
  if (outcome.kind === 'refreshed' ? outcome.isBestAvailable : base) return undefined;
  return 'record' in outcome ? outcome.record : held;
}
