import { expect, test } from 'vitest';
import type { Refused } from '../../src/manager/answer.js';
import { expired, otherSubject, refusal } from '../../src/manager/attempt-end.js';
import { recordWith } from '../support/session-records.js';

const refused = (status?: number, oauthError?: string): Refused => ({
  failure: { kind: 'dead', ...(status && { status }), ...(oauthError && { oauthError }) },
  code: 'ERR_REFRESH_UNAVAILABLE',
  isAnswer: true,
});

test('a refusal is told with what the server said, as far as it said anything', () => {
  const { kind, reason, error } = refusal(recordWith(), refused(400, 'invalid_grant'));
  expect([kind, reason]).toEqual(['ended', 'rejected']);
  expect(error).toMatchObject({ code: 'ERR_SESSION_REJECTED', status: 400, oauthError: 'invalid_grant' });
  expect(error.message).toBe('The server refused the refresh token for good (400, invalid_grant): sign in again.');
  expect(refusal(undefined, refused(401)).error.message).toContain('(401): sign in again.');
  expect(refusal(recordWith(), refused(undefined, 'invalid_grant')).error.message).toContain('(invalid_grant):');
});

test('a refusal of a refresh token whose last answer never came is a lost session, not a rejected one', () => {
  const { reason, error } = refusal(recordWith({ unanswered: true }), refused(400, 'invalid_grant'));
  expect(reason).toBe('lost');
  expect(error).toMatchObject({ code: 'ERR_SESSION_LOST', status: 400, oauthError: 'invalid_grant' });
  expect(error.message).toBe(
    'The answer to a refresh never came, and the server then refused the same refresh token (400, invalid_grant): sign in again.',
  );
});

test('a session without a refresh token ends with its access token, and what to do about it is said', () => {
  const { reason, error } = expired();
  expect(reason).toBe('expired');
  expect([error.code, error.status, error.oauthError]).toEqual(['ERR_SESSION_EXPIRED', undefined, undefined]);
  expect(error.message).toBe(
    'The access token is over, and the server gave no refresh token (ask for the scope offline_access at sign-in, or set refreshTokenIn): sign in again.',
  );
});

test('tokens of another subject end the session, and are given back with the refresh token that belongs to them', () => {
  const current = recordWith();
  const { tokens } = recordWith({}, { accessToken: 'other', refreshToken: 'others' });
  const { reason, error, unused } = otherSubject(current, tokens);
  expect([reason, error.code]).toEqual(['rejected', 'ERR_SESSION_REJECTED']);
  expect(error.message).toBe(
    'The answer to a refresh is of another subject or issuer (OpenID Connect Core 12.2): sign in again.',
  );
  expect(unused).toEqual(tokens);
  const { refreshToken: _, ...without } = tokens;
  expect(otherSubject(current, without as typeof tokens).unused).toEqual({
    ...without,
    refreshToken: current.tokens.refreshToken,
  });
});
