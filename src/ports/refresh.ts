import type { Challenge } from '../core/challenge.js';
import type { RefreshReason } from '../core/session-events.js';
import type { SessionGrant } from '../core/session-grant.js';
import type { Target } from '../core/target.js';
import type { TokenResponse } from '../core/token-set.js';

/** What the refresh function is given; `issuer`, `endpoints` and `binding` where `startSession()` was told. */
export interface RefreshRequest extends SessionGrant {
  /** The refresh token; absent in cookie mode. */
  readonly refreshToken?: string;
  /** The access token that is being replaced, if there is one. */
  readonly accessToken: string | undefined;
  /** The scopes granted so far. */
  readonly scopes: readonly string[];
  /** Why this refresh happens. */
  readonly reason: RefreshReason;
  /** 1 for the first request of this refresh. */
  readonly attempt: number;
  /** The same while one and the same refresh token is presented again: an idempotency key. */
  readonly attemptId: string;
  /** The challenge of the server that rejected the access token, where there was one. */
  readonly challenge?: Challenge;
  /** What the new access token is for, where that is not what the session's own is for (`forResource`). */
  readonly target?: Target;
  /** Aborts after `timeoutMs`. */
  readonly signal: AbortSignal;
}

/**
 * Trades the refresh token for new tokens.
 *
 * Return the `Response` unread: status, `Retry-After`, OAuth error and body are read by the manager. Return a
 * {@link TokenResponse} for everything that is not HTTP. A thrown error that carries a `response`, a `status` or an
 * OAuth `error` is read the same way; any other is transient.
 *
 * One that asks for what `target` names says so by a member `forTargets`; any other is never given a target.
 */
export type RefreshTokens = ((request: RefreshRequest) => Promise<Response | TokenResponse>) & {
  readonly forTargets?: true;
};

/** What the revoke function is given; `issuer`, `endpoints` and `binding` where `startSession()` was told. */
export interface RevokeRequest extends SessionGrant {
  /** The newest refresh token of the session that ended. */
  readonly refreshToken?: string;
  /** The newest access token of the session that ended. */
  readonly accessToken?: string;
  /** The newest ID token of the session that ended; providers want it as a hint when signing out. */
  readonly idToken?: string;
  /** Aborts after `timeoutMs`. */
  readonly signal: AbortSignal;
}

/** Tells the server that a session is over (RFC 7009); best effort, its failure changes nothing. */
export type RevokeTokens = (request: RevokeRequest) => Promise<unknown>;
