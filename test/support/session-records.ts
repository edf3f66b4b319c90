import type { SessionRecord } from '../../src/core/session-record.js';

/** A record whose access token has expired; `more` changes it. */
export function recordWith(more: Partial<SessionRecord> = {}, tokens: Partial<SessionRecord['tokens']> = {}) {
  const record: SessionRecord = {
    sessionId: 's1',
    revision: 3,
    attemptId: 'a1',
    unanswered: false,
    failure: undefined,
    tokens: {
      accessToken: 'old-access-token-1',
      refreshToken: 'old-refresh-token-1',
      idToken: undefined,
      scopes: ['mail'],
      issuedAt: 0,
      expiresAt: 1,
      ...tokens,
    },
  };
  return { ...record, ...more };
}

/** A failure that a peer has stored: no attempt before `retryAt`. */
export function failureUntil(retryAt: number, named = false): SessionRecord['failure'] {
  return { code: 'ERR_REFRESH_UNAVAILABLE', status: 503, oauthError: undefined, retryAt, named, count: 1 };
}
