import type { RefreshErrorCode } from '../errors.js';
import { RefreshError } from '../errors.js';
import { isLasting, type Repeats } from './backoff.js';
import type { StoredFailure } from './session-record.js';

const MESSAGES: Record<RefreshErrorCode, string> = {
  ERR_REFRESH_NETWORK: 'could not be reached; the session is kept, try again',
  ERR_REFRESH_TIMEOUT: 'did not answer in time; the session is kept, try again',
  ERR_REFRESH_UNAVAILABLE: 'refused without proof that the session is over; it is kept, try again',
  ERR_REFRESH_RESPONSE: 'was expected to answer with a token response (RFC 6749 section 5.1)',
  ERR_REFRESH_CONFIG: 'refused this client; check clientId, authentication and scopes',
  ERR_REFRESH_INTERACTION: 'wants the user to take part; send the user to sign in',
};

/** Whether asking again soon may help, as far as a stored failure tells. */
export function isPassing({ code }: StoredFailure): boolean {
  return !/CONFIG|INTERACTION/.test(code);
}

/** The error for a failed refresh, also for a failure that a peer or an earlier page stored. */
export function failureError(
  { code, status, oauthError, retryAt, count, repeats }: Omit<StoredFailure, 'named'>,
  detail?: string,
  cause?: unknown,
): RefreshError {
  const seen = [detail, status, oauthError].filter((fact) => fact !== undefined).join(', ');
  return new RefreshError(
    code,
    `The token endpoint ${MESSAGES[code] ?? ''}${seen && ` (${seen})`}.${/^invalid_dpop/.test(oauthError ?? '') ? ' Check the clock of this device.' : ''}${lasts(code, repeats, retryAt)}`,
    {
      status,
      oauthError,
      retryAt,
      attempts: count,
      cause,
    },
  );
}

function lasts(code: RefreshErrorCode, repeats: Repeats | undefined, at: number): string {
  if (!repeats || !isLasting(repeats, at)) return '';
  const said = ` It has said so ${repeats.count} times for ${Math.round((at - repeats.since) / 60_000)} minutes, and is asked ever more rarely, at last once an hour`;
  return (
    said + (/CONFIG/.test(code) ? '.' : '. If this answer means that the session is over, say so with endsSession.')
  );
}
