import type { TokenEvent } from '../../core/session-events.js';
import type { AnyTokenError } from '../../errors.js';
import { closed, errorTypeOf, hostOf } from './closed-lists.js';
import type { Facts } from './instruments.js';
import type { Severity } from './telemetry.js';

/** The log record of an event, and how severe it is. */
export const RECORDS: Partial<Record<TokenEvent['type'], readonly [name: string, severity: Severity]>> = {
  sessionStarted: ['evertoken.session.start', 'INFO'],
  sessionEnded: ['evertoken.session.end', 'INFO'],
  refreshed: ['evertoken.refresh', 'INFO'],
  refreshFailed: ['evertoken.refresh.failure', 'WARN'],
  requestRejected: ['evertoken.request.rejection', 'WARN'],
  storageFailed: ['evertoken.storage.failure', 'ERROR'],
  revokeFailed: ['evertoken.revocation.failure', 'ERROR'],
};

/** Errors that are more severe than their event. */
export const SEVERITIES: Readonly<Record<string, Severity>> = {
  ERR_REFRESH_CONFIG: 'ERROR',
  ERR_SESSION_LOST: 'ERROR',
  ERR_SESSION_REJECTED: 'WARN',
};

/** The payload of any event. */
export interface Told {
  readonly from?: string;
  readonly reason?: string;
  readonly by?: string;
  readonly rotated?: boolean;
  readonly attempt?: number;
  readonly attempts?: number;
  readonly again?: boolean;
  readonly durationMs?: number;
  readonly expiresAt?: number | undefined;
  readonly target?: string;
  readonly operation?: string;
  readonly replayed?: boolean;
  readonly status?: number;
  readonly origin?: string;
  readonly challenges?: readonly { readonly parameters: Readonly<Record<string, string | undefined>> }[];
  readonly error?: AnyTokenError;
}

/** What an event tells, by the names of docs/observability.md: numbers, closed lists and host names. */
export function factsOf(told: Told): Facts {
  const { by, again, reason, error, durationMs = 0, challenges = [] } = told;
  const { status = told.status, oauthError = challenges.map(({ parameters }) => parameters.error).find(Boolean) } =
    Object(error) as { status?: number; oauthError?: string };
  return {
    'evertoken.session.from': told.from,
    'evertoken.refresh.by': by,
    'evertoken.refresh.reason': by && reason,
    'evertoken.refresh.rotated': told.rotated,
    'evertoken.refresh.attempts': told.attempts,
    'evertoken.refresh.duration': by && durationMs / 1_000,
    'evertoken.refresh.attempt': told.attempt,
    'evertoken.refresh.again': again,
    'evertoken.refresh.errand': told.target && true,
    'evertoken.request.replayed': told.replayed,
    'evertoken.storage.operation': told.operation,
    'error.type': error && errorTypeOf(error),
    'http.response.status_code': closed(status),
    'evertoken.oauth.error': closed(oauthError),
    'server.address': hostOf(told.origin),
  };
}
