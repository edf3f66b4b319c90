import type { RefreshErrorCode } from '../errors.js';
import { RefreshError } from '../errors.js';
import { isStubborn } from './repeated-refusal.js';
import type { StoredFailure } from './session-record.js';

const MESSAGES: Record<RefreshErrorCode, string> = {
  ERR_REFRESH_NETWORK: 'could not be reached; the session is kept, try again',
  ERR_REFRESH_TIMEOUT: 'did not answer in time; the session is kept, try again',
  ERR_REFRESH_UNAVAILABLE: 'refused without proof that the session is over; it is kept, try again',
  ERR_REFRESH_RESPONSE: 'was expected to answer with a token response (RFC 6749 section 5.1)',
  ERR_REFRESH_CONFIG: 'refused this client; check clientId, authentication and scopes',
  ERR_REFRESH_INTERACTION: 'wants the user to take part; send the user to sign in',
};

/** The error for a failed refresh; also for one that a peer, or an earlier page, has met and stored. */
export function failureError(failure: Omit<StoredFailure, 'named'>, detail?: string, cause?: unknown): RefreshError {
  const { code, status, oauthError, retryAt, count, times } = failure;
  const seen = [detail, status, oauthError].filter((fact) => fact !== undefined).join(', ');
  const stubborn = isStubborn(failure, retryAt)
    ? ` The same answer came ${times} times in a row and is asked for ever more rarely; if it means that the session is over, say so with endsSession.`
    : '';
  return new RefreshError(code, `The token endpoint ${MESSAGES[code] ?? ''}${seen && ` (${seen})`}.${stubborn}`, {
    status,
    oauthError,
    retryAt,
    attempts: count,
    cause,
  });
}
