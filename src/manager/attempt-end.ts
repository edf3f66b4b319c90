import type { RefreshFailure } from '../core/refusal.js';
import type { SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import { SessionError, type SessionErrorCode } from '../errors.js';
import type { Refused } from './answer.js';
import type { Settings } from './options.js';

/** The session is over, as an attempt to refresh it has shown. */
export interface AttemptEnd {
  readonly kind: 'ended';
  readonly reason: 'rejected' | 'lost' | 'expired';
  readonly error: SessionError;
  /** Tokens that came and belong to no session here; to be revoked. */
  readonly unused?: TokenSet | undefined;
  /** The record whose refresh token was refused, where there is one. */
  readonly of?: SessionRecord | undefined;
}

const CODES: Record<AttemptEnd['reason'], SessionErrorCode> = {
  rejected: 'ERR_SESSION_REJECTED',
  lost: 'ERR_SESSION_LOST',
  expired: 'ERR_SESSION_EXPIRED',
};

/** Why there is nothing to present, and what to do about it. */
export const NO_REFRESH_TOKEN =
  'the server gave no refresh token (ask for the scope offline_access at sign-in, or set refreshTokenIn)';

/** Whether a refusal proves that the session is over. */
export function isProof({ failure, lost }: Refused, { endsSession }: Settings): boolean {
  if (lost) return true;
  if (failure.status === undefined && failure.oauthError === undefined && failure.kind !== 'dead') return false;
  try {
    return endsSession(failure) === true;
  } catch {
    return false; // a check that throws proves nothing
  }
}

/** The server refused the refresh token for good. */
export function refusal(current: SessionRecord | undefined, { failure, lost }: Refused): AttemptEnd {
  if (lost) return { kind: 'ended', reason: 'lost', error: lost };
  const { status, oauthError } = failure;
  const said = [status, oauthError].filter((fact) => fact !== undefined).join(', ');
  return current?.unanswered
    ? ended(
        'lost',
        `The answer to a refresh never came, and the server then refused the same refresh token (${said})`,
        failure,
      )
    : ended('rejected', `The server refused the refresh token for good (${said})`, failure);
}

/** The access token is over, or its key is gone, and there is nothing to present for another one. */
export function expired(lost?: SessionError): AttemptEnd {
  if (lost) return { kind: 'ended', reason: 'lost', error: lost };
  return ended('expired', `The access token is over, and ${NO_REFRESH_TOKEN}`);
}

/** Our own refresh token has brought tokens of another subject, which are given back. */
export function otherSubject(current: SessionRecord, tokens: TokenSet): AttemptEnd {
  const { refreshToken = current.tokens.refreshToken } = tokens;
  const why = 'The answer to a refresh is of another subject or issuer (OpenID Connect Core 12.2)';
  return { ...ended('rejected', why), unused: { ...tokens, refreshToken } };
}

function ended(
  reason: AttemptEnd['reason'],
  why: string,
  { status, oauthError }: Pick<RefreshFailure, 'status' | 'oauthError'> = {},
): AttemptEnd {
  const error = new SessionError(CODES[reason], `${why}: sign in again.`, { status, oauthError });
  return { kind: 'ended', reason, error };
}
