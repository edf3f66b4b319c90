import type { RefreshErrorCode } from '../errors.js';
import type { Repeats } from './backoff.js';
import type { SessionGrant } from './session-grant.js';
import { isSameSubject, type TokenSet } from './token-set.js';

/** The session as it is stored: one record, one key, one write. */
export interface SessionRecord {
  /** Random, no secret; the same in every peer until the session ends. */
  readonly sessionId: string;
  /** Grows with each change of the token set under this key; the higher one is newer. */
  readonly revision: number;
  /** Whose it is: the endpoint and the client that the refresh token belongs to; absent where that is not known. */
  readonly owner?: string | undefined;
  /** Who granted the refresh token, and to which key; absent where `startSession()` was not told. */
  readonly grant?: SessionGrant | undefined;
  readonly tokens: TokenSet;
  /** What a claims challenge had asked for when these tokens were asked for. */
  readonly claims?: string | undefined;
  /** Stays the same while the same refresh token is presented. */
  readonly attemptId: string;
  /** The refresh token was presented and no answer has come: if it is refused later, a rotation may have been lost. */
  readonly unanswered: boolean;
  /** The last failure; undefined after a success. */
  readonly failure: StoredFailure | undefined;
}

/** The last failure of a refresh, stored for peers and for the page after a reload. */
export interface StoredFailure {
  readonly code: RefreshErrorCode;
  readonly status: number | undefined;
  readonly oauthError: string | undefined;
  /** Epoch milliseconds; no attempt before this moment. */
  readonly retryAt: number;
  /** The server named `retryAt` (`Retry-After`): no request before then, not even a probe. */
  readonly named: boolean;
  /** Consecutive failures so far. */
  readonly count: number;
  /** How often, and since when, the same refusal has come in a row; only for refusals that may be lasting. */
  readonly repeats?: Repeats | undefined;
}

/** Whether two records belong to one session: the same name and, as far as ID tokens say, the same subject. */
export function isSameSession(a: SessionRecord | undefined, b: SessionRecord | undefined): boolean {
  return a?.sessionId === b?.sessionId && isSameSubject(a?.tokens.idToken, b?.tokens.idToken);
}

/** Whether two records hold one and the same token set. */
export function isSameTokenSet(a: SessionRecord | undefined, b: SessionRecord | undefined): boolean {
  return isSameSession(a, b) && a?.revision === b?.revision;
}

/** Whether a record holds a newer token set of the same session, or another session altogether. */
export function supersedes(found: SessionRecord, held: SessionRecord | undefined): boolean {
  return !held || !isSameSession(found, held) || found.revision > held.revision;
}

/** Whether a record holds other tokens of the same session that are no older: a peer had taken the lock over. */
export function isForked(held: SessionRecord, own: SessionRecord): boolean {
  const isOther = held.tokens.accessToken !== own.tokens.accessToken;
  return isOther && isSameSession(held, own) && held.revision >= own.revision;
}

/** Consecutive failures according to the record. */
export function failureCount({ failure }: SessionRecord): number {
  return failure?.count ?? 0;
}
