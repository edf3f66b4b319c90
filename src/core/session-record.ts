import type { RefreshErrorCode } from '../errors.js';
import type { Repeats } from './backoff.js';
import { isSameSubject, type TokenSet } from './token-set.js';

/** The session as it is stored: one record, one key, one write. */
export interface SessionRecord {
  /** Random, no secret; the same in every peer until the session ends. */
  readonly sessionId: string;
  /** Counts the changes of the token set under this key; dates an outcome. */
  readonly revision: number;
  /** Whose it is: the endpoint and the client that the refresh token belongs to; absent where that is not known. */
  readonly owner?: string | undefined;
  readonly tokens: TokenSet;
  /** The same as long as one and the same refresh token is presented. */
  readonly attemptId: string;
  /** The refresh token is being presented, or was and no answer came: a later refusal means that the rotation was lost. */
  readonly unanswered: boolean;
  /** Why refreshing fails; absent while it does not. */
  readonly failure: StoredFailure | undefined;
}

/** What peers and a reloaded page have to know of a failing refresh. */
export interface StoredFailure {
  readonly code: RefreshErrorCode;
  readonly status: number | undefined;
  readonly oauthError: string | undefined;
  /** Epoch milliseconds; no attempt before this moment. */
  readonly retryAt: number;
  /** The server named `retryAt` (`Retry-After`): nobody may probe earlier. */
  readonly named: boolean;
  /** Consecutive failures so far. */
  readonly count: number;
  /** How often, and since when, this very refusal has come in a row, where it may never pass by itself. */
  readonly repeats?: Repeats | undefined;
}

/** Whether two records belong to one session: it has one name, and never changes hands. */
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

/** Consecutive failures so far, as the record tells them. */
export function failureCount({ failure }: SessionRecord): number {
  return failure?.count ?? 0;
}
