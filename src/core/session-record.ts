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
  /** What the session has for other targets than its own access token is for, by their names. */
  readonly others?: Others | undefined;
  /** How many of the revisions were errands for others, which leave the session's own access token as it is. */
  readonly errands?: number | undefined;
  /** Grows with each errand that was refused since these tokens came: it has changed none of them, and outranks no newer ones. */
  readonly notes?: number | undefined;
  /** Stays the same while the same refresh token is presented. */
  readonly attemptId: string;
  /** The refresh token was presented and no answer has come: if it is refused later, a rotation may have been lost. */
  readonly unanswered: boolean;
  /** The last failure; undefined after a success. */
  readonly failure: StoredFailure | undefined;
}

/** What a session has for another target: an access token, or why there is none, or both. */
export interface OtherAccess extends Pick<TokenSet, 'issuedAt' | 'expiresAt' | 'scopes'> {
  /** Absent while there was none yet. */
  readonly accessToken?: string | undefined;
  /** What a claims challenge had asked for when it was asked for. */
  readonly claims?: string | undefined;
  /** Why the last errand for it failed; the session and other targets do not wait for that. */
  readonly failure?: StoredFailure | undefined;
}

/** By the names of their targets. */
export type Others = Readonly<Record<string, OtherAccess>>;

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

/** Whether one of two records of a session came later: it has newer tokens, or has noted more about the same ones. */
export function isLater(a: SessionRecord, b: SessionRecord): boolean {
  return a.revision > b.revision || (a.revision === b.revision && (a.notes ?? 0) > (b.notes ?? 0));
}

/** Whether all that has changed since a record was the work of errands: the session's own access token is the same. */
export function isSameAccess(later: SessionRecord, earlier: SessionRecord): boolean {
  const { revision, errands = 0 } = earlier;
  return isSameSession(later, earlier) && later.revision - revision === (later.errands ?? 0) - errands;
}

/** Whether a record holds a newer access token of the same session. */
export function isNewAccess(found: SessionRecord, held: SessionRecord): boolean {
  return isSameSession(found, held) && supersedes(found, held) && !isSameAccess(found, held);
}

/** Whether a record of the same session came later, or is of another session altogether. */
export function supersedes(found: SessionRecord, held: SessionRecord | undefined): boolean {
  return !held || !isSameSession(found, held) || isLater(found, held);
}

/** The end of the last pause, in epoch milliseconds; 0 after a success. */
export function pauseOf({ failure }: SessionRecord): number {
  return failure?.retryAt ?? 0;
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
