import { expect, test } from 'vitest';
import { type SessionState, transition } from '../../src/core/session.js';
import type { SessionRecord, StoredFailure } from '../../src/core/session-record.js';

const tokens = {
  accessToken: 'access',
  refreshToken: 'refresh',
  idToken: undefined,
  scopes: [],
  issuedAt: 0,
  expiresAt: 60_000,
};
const failure = (retryAt: number, named: boolean, count = 1): StoredFailure => ({
  code: 'ERR_REFRESH_UNAVAILABLE',
  status: 503,
  oauthError: undefined,
  retryAt,
  named,
  count,
});
const record = (met: StoredFailure | undefined): SessionRecord => ({
  sessionId: 's',
  revision: 1,
  tokens,
  attemptId: 'a',
  unanswered: false,
  failure: met,
});

/** When the next attempt comes after a waiting session has found what a peer has stored. */
function afterFinding(held: StoredFailure, found: StoredFailure): number | undefined {
  const active: SessionState = { status: 'active', revision: 1, record: record(undefined) };
  const { state } = transition(active, { type: 'found', record: record(held), wasStored: true });
  const next = transition(state, { type: 'found', record: record(found), wasStored: true }).state;
  return next.status === 'waiting' ? next.failing.retryAt : undefined;
}

test.each([
  ['an earlier moment of a peer does not replace the one that the server has named', [300, true], [8, false], 300],
  ['nor one that the server has named to a peer', [300, true], [8, true], 300],
  ['a later moment of a peer does', [300, true], [400, false], 400],
  ['and an earlier one replaces a moment that nobody has named', [300, false], [8, false], 8],
] as const)('%s', (_, [heldAt, isNamed], [foundAt, isFoundNamed], expected) => {
  expect(afterFinding(failure(heldAt, isNamed), failure(foundAt, isFoundNamed, 2))).toBe(expected);
});
