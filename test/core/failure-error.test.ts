import { expect, test } from 'vitest';
import { failureError } from '../../src/core/failure-error.js';
import { isTokenError } from '../../src/errors.js';

test.each([
  ['ERR_REFRESH_NETWORK', 'The token endpoint could not be reached; the session is kept, try again.'],
  ['ERR_REFRESH_TIMEOUT', 'The token endpoint did not answer in time; the session is kept, try again.'],
  [
    'ERR_REFRESH_UNAVAILABLE',
    'The token endpoint refused without proof that the session is over; it is kept, try again.',
  ],
  ['ERR_REFRESH_RESPONSE', 'The token endpoint was expected to answer with a token response (RFC 6749 section 5.1).'],
  ['ERR_REFRESH_CONFIG', 'The token endpoint refused this client; check clientId, authentication and scopes.'],
  ['ERR_REFRESH_INTERACTION', 'The token endpoint wants the user to take part; send the user to sign in.'],
] as const)('%s says what happened and what to do', (code, message) => {
  const error = failureError({ code, status: undefined, oauthError: undefined, retryAt: 7, count: 2 });
  expect(error).toMatchObject({ name: 'RefreshError', code, message, retryAt: 7, attempts: 2 });
  expect(isTokenError(error)).toBe(true);
  for (const absent of ['status', 'oauthError', 'cause']) expect(error).not.toHaveProperty(absent);
});

test('an error of a refresh names what is known, and carries it', () => {
  const failure = { code: 'ERR_REFRESH_UNAVAILABLE', status: 400, oauthError: 'odd', retryAt: 7, count: 2 } as const;
  const cause = new Error('x');
  const error = failureError(failure, 'something came', cause);
  expect(error.message).toMatch(/try again \(something came, 400, odd\)\.$/);
  expect(error).toMatchObject({ status: 400, oauthError: 'odd', cause });
  expect(failureError({ ...failure, oauthError: undefined }).message).toMatch(/try again \(400\)\.$/);
});

test('a code that a newer version has stored does without a sentence of its own', () => {
  const failure = { code: 'ERR_REFRESH_NEW' as never, status: 400, oauthError: undefined, retryAt: 7, count: 1 };
  expect(failureError(failure).message).toBe('The token endpoint  (400).');
});

test.each([
  ['ERR_REFRESH_UNAVAILABLE', /say so with endsSession\.$/],
  ['ERR_REFRESH_CONFIG', /at last once an hour\.$/],
] as const)('a refusal that came five times over ten minutes says so, and what to do: %s', (code, advice) => {
  const repeats = { count: 5, since: 300_000 };
  const failure = { code, status: 400, oauthError: 'odd', retryAt: 900_000, count: 9, repeats };
  const { message } = failureError(failure);
  expect(message).toMatch(/\(400, odd\)\. It has said so 5 times for 10 minutes, /);
  expect(message).toMatch(advice);
  for (const milder of [{ ...repeats, count: 4 }, { ...repeats, since: 300_001 }, undefined]) {
    expect(failureError({ ...failure, repeats: milder }).message).toMatch(/\(400, odd\)\.$/);
  }
});

test('a proof that was refused says what to look at: the clock', () => {
  const failure = {
    code: 'ERR_REFRESH_CONFIG',
    status: 400,
    oauthError: 'invalid_dpop_proof',
    retryAt: 7,
    count: 1,
  } as const;
  expect(failureError(failure).message).toMatch(/\(400, invalid_dpop_proof\)\. Check the clock of this device\.$/);
});
