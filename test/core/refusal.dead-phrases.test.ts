import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RefreshFailure, readRefusal } from '../../src/core/refusal.js';
import { isListed, PREFIXES, STATES, SUBJECTS, VERBS, wordsOf } from '../support/dead-phrases.js';

const kindOf = (body: unknown, status = 400): RefreshFailure['kind'] => readRefusal({ status, body }).kind;

describe('a whole code of words about the refresh token is dead', () => {
  test.each([
    'refresh_token_expired',
    'refresh_token_reused',
    'refresh_token_invalidated',
    'REFRESH_TOKEN_REVOKED',
    'refresh-token-not-found',
    'refreshTokenExpired',
    'RefreshTokenExpiredException',
    'InvalidRefreshToken',
    'invalid_or_expired_refresh_token',
    'REFRESH_TOKEN_EXPIRED_OR_INVALID',
    'refresh_token_used',
    'refresh_token_already_used',
    'refresh_token_reuse_detected',
    'unknown_refresh_token',
    'bad_refresh_token',
    'auth.refresh_token_expired',
    'unauthorized.bad_refresh_token',
    'bad_request.invalid_refresh_token',
    'ERR_REFRESH_TOKEN_EXPIRED',
    'E_INVALID_REFRESH_TOKEN',
  ])('%s', (error) => {
    for (const status of [200, 400, 401, 403, 404]) expect(kindOf({ error }, status)).toBe('dead');
  });

  test.each([
    'refresh_token_not_expired',
    'refresh_token_nonce_expired',
    'bad_refresh_token_request',
    'refresh_token_required',
    'refresh_token_missing',
    'missing_refresh_token',
    'refresh_token',
    'refresh_token_error',
    'expired',
    'token_expired',
    'expired_token',
    'access_token_expired',
    'invalid_access_token',
    'refresh_token_expired_soon',
    'not.refresh_token_expired',
    'my_refresh_token_expired',
    'refresh__token_expired',
    '_refresh_token_expired',
    'refresh_token_expired_',
    'refresh_tokens_expired',
    'refresh_tokenexpired',
    'fresh_token_expired',
    'refresh_token_expires',
    'refresh_token_expired_at',
    'refresh_token_invalid_format',
    'refresh_token_unavailable',
    'invalid_refresh_token_scope',
    'refresh_token_grant_not_found',
    'unused_refresh_token',
    'refresh_token_unused',
    'refresh_token_rate_limited',
    'refreshTOKENexpired',
  ])('but not %s', (error) => {
    expect(kindOf({ error })).toBe('unknown');
  });
});

describe('a whole sentence about the refresh token is dead', () => {
  test.each([
    'Refresh token has expired',
    'Refresh Token has been revoked',
    'Invalid Refresh Token.',
    'The refresh token is invalid.',
    'the provided refresh token is invalid or has been revoked',
    'The refresh token provided is no longer valid.',
    'Specified refresh token has already been used!',
    'supplied refresh token does not exist',
    'Your refresh token was not found',
    "This refresh token doesn't exist.",
    'old refresh token used',
    'Refresh token reuse detected.',
    'Expired or revoked refresh token',
    'Refresh token expired, please log in again.',
    'Refresh token has expired. Please sign in again',
    'Error refresh token expired',
  ])('%s', (message) => {
    expect(kindOf({ message })).toBe('dead');
  });

  test.each([
    'refresh token is bound to a missing proof',
    'invalid refresh token format',
    'The refresh token is invalid for this client',
    'The refresh token is not expired',
    'The refresh token is not yet valid',
    'The refresh token is invalid, expired or revoked.',
    'The refresh token is missing',
    'Refresh token is required',
    'No refresh token found',
    'missing or unknown refresh token',
    'refresh_token is invalid',
    'Refresh token expired: try later',
    'Checking whether the refresh token is expired',
    'If the refresh token has expired, sign in again',
    'The access token is invalid',
    'Token is expired',
    'Session expired',
    'Refresh token is valid',
    'Refresh  token is invalid',
    ' Refresh token is invalid',
    'Refresh token is invalid\nretry',
    'Refresh token is expired?',
    'The nonce of the refresh token has expired',
    'The refresh token is invalid because the database is down',
  ])('but not %j', (message) => {
    expect(kindOf({ message })).toBe('unknown');
  });
});

describe('codes and sentences about the refresh token are read where servers put them', () => {
  test.each<[string, (said: string) => unknown]>([
    ['error', (said) => ({ error: said })],
    ['error_description', (said) => ({ error: 'x', error_description: said })],
    ['message', (said) => ({ message: said })],
    ['msg', (said) => ({ msg: said })],
    ['detail', (said) => ({ detail: said })],
    ['error_message', (said) => ({ error_message: said })],
    ['errmsg', (said) => ({ errmsg: said })],
    ['error.message', (said) => ({ error: { message: said } })],
    ['errors[0].message', (said) => ({ errors: [{ message: said }] })],
  ])('%s', (_, make) => {
    for (const said of ['refresh_token_expired', 'Refresh token has expired.']) expect(kindOf(make(said))).toBe('dead');
  });

  test.each<[string, unknown]>([
    ['error_type', { error_type: 'refresh_token_expired' }],
    ['error_type, of RFC 6749', { error_type: 'invalid_grant' }],
    ['__type', { __type: 'RefreshTokenExpiredException' }],
    ['error.code', { error: { code: 'refresh_token_reused' } }],
    ['errors[0].errorType', { errors: [{ errorType: 'invalid_grant' }] }],
    ['errors[0], named by its field', { errors: [{ field: 'refresh_token', code: 'invalid' }] }],
    ['errors[0], named by its parameter', { errors: [{ parameter: 'refresh_token', code: 'expired' }] }],
    ['errors[0], named in another way', { errors: [{ field: 'refreshToken', code: 'NOT_FOUND' }] }],
  ])('%s', (_, body) => {
    expect(kindOf(body)).toBe('dead');
  });

  test.each<[string, unknown]>([
    ['a field of another name', { errors: [{ field: 'code', code: 'invalid' }] }],
    ['a field that is missing', { errors: [{ field: 'refresh_token', code: 'missing' }] }],
    ['the second of errors', { errors: [{}, { message: 'Refresh token has expired.' }] }],
    ['hint', { hint: 'Refresh token has expired.' }],
    ['title', { title: 'Refresh token has expired.' }],
    ['an object within', { data: { message: 'Refresh token has expired.' } }],
    ['a list', { message: ['Refresh token has expired.'] }],
    ['text that is no JSON', 'Refresh token has expired.'],
  ])('but not %s', (_, body) => {
    expect(kindOf(body)).toBe('unknown');
  });
});

describe('evidence of something else beats them', () => {
  const said = { message: 'Refresh token has expired.', code: 'refresh_token_expired' };
  test.each([
    ['access_denied', 'config'],
    ['invalid_client', 'config'],
    ['invalid_scope', 'config'],
    ['invalid_target', 'config'],
    ['unauthorized_client', 'config'],
    ['login_required', 'interaction'],
    ['temporarily_unavailable', 'transient'],
    ['server_error', 'transient'],
  ] as const)('%s is %s', (error, kind) => {
    for (const status of [200, 400, 401, 403]) expect(kindOf({ ...said, error }, status)).toBe(kind);
  });

  test('a wrong client is never taken for a dead session, whatever the status', () => {
    for (const error of ['invalid_client', 'unauthorized_client', 'access_denied', 'incorrect_client_credentials']) {
      for (let status = 200; status < 600; status++) {
        expect(['config', 'transient']).toContain(
          kindOf({ error, error_description: 'invalid refresh token' }, status),
        );
      }
    }
  });
});

describe('what a sentence says of the server or the client ends nothing', () => {
  test.each([
    ['transient', 'Error while reading the refresh token'],
    ['transient', 'Cannot reach the store of refresh tokens'],
    ['transient', 'Internal server error'],
    ['transient', 'AADB2C90085: The service has encountered an internal error.'],
    ['transient', 'A database error occurred'],
    ['transient', 'Refresh is temporarily disabled'],
    ['config', 'The requested scope is invalid'],
    ['config', 'scopes requested are unauthorized or expired'],
    ['config', 'Invalid client secret'],
    ['config', 'client_secret does not match'],
    ['config', 'The requested resource is not allowed'],
    ['config', 'Invalid resource'],
    ['config', 'resource is missing'],
    ['config', 'The client certificate does not match'],
  ] as const)('%s: %s', (kind, sentence) => {
    for (const name of ['error_description', 'message', 'msg', 'detail']) {
      expect(kindOf({ error: 'invalid_grant', [name]: sentence })).toBe(kind);
      expect(kindOf({ error: 'refresh_token_invalid', [name]: sentence })).toBe(kind);
    }
  });

  test.each([
    'The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid.',
    'Send a new interactive authorization request for this user and resource.',
    'Persisted access token data not found',
    'The token cannot be refreshed any more',
    'Token has been expired or revoked.',
  ])('but dead stays: %s', (error_description) => {
    expect(kindOf({ error: 'invalid_grant', error_description })).toBe('dead');
  });

  test('nor does it turn what is unknown into something else', () => {
    expect(kindOf({ error: 'invalid_request', error_description: 'The requested scope is invalid' })).toBe('unknown');
    expect(kindOf({ message: 'Internal server error' })).toBe('unknown');
  });
});

test('a sentence of a megabyte is no burden, and says nothing', () => {
  for (const word of ['auth ', 'aB', 'refresh_token_', 'the refresh token is invalid or ']) {
    expect(kindOf({ message: `${word.repeat(1_000_000 / word.length)}refresh token expired` })).toBe('unknown');
  }
});

describe('no code and no sentence outside the closed list ends a session, however close', () => {
  const subject = fc.constantFrom(...SUBJECTS);
  const state = fc.constantFrom(...STATES);
  const verb = fc.constantFrom('', ...VERBS.map((one) => `${one} `));
  const listed = fc.oneof(
    fc.tuple(subject, verb, state).map(([a, b, c]) => `${a} ${b}${c}`),
    state.map((one) => `${one} refresh token`),
    fc.tuple(fc.constantFrom(...PREFIXES), state).map(([prefix, one]) => `${prefix} refresh token ${one}`),
    fc.tuple(subject, state, state).map(([a, b, c]) => `${a} is ${b} or has been ${c}`),
    subject.map((one) => `${one} does not exist`),
  );
  const strange = fc.oneof(
    fc.constantFrom(
      'not',
      'no',
      'never',
      'nonce',
      'request',
      'soon',
      'format',
      'missing',
      'required',
      'scope',
      'un',
      'client',
      'proof',
      'access',
      'for',
      'if',
      'will be',
      'about to be',
      'in 5 s',
    ),
    fc.constantFrom(...STATES, ...VERBS, ...PREFIXES),
    fc.stringMatching(/^[a-z]{1,6}$/),
  );
  const asCode = fc.constantFrom<(words: string) => string>(
    (words) => words.replaceAll(' ', '_'),
    (words) => words.replaceAll(' ', '-'),
    (words) => words.replaceAll(' ', '.'),
    (words) => words.toUpperCase().replaceAll(' ', '_'),
    (words) => words.replace(/ ([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    (words) => words,
    (words) => `${words[0]?.toUpperCase()}${words.slice(1)}.`,
  );
  const expected = (text: string) => (isListed(wordsOf(text)) ? 'dead' : 'unknown');

  test('the list itself is seen as dead, as code and as sentence', () => {
    fc.assert(
      fc.property(listed, asCode, (words, form) => {
        const text = form(words);
        expect([text, isListed(wordsOf(text))]).toEqual([text, true]);
        expect([text, kindOf({ message: text })]).toEqual([text, 'dead']);
      }),
      { numRuns: 3000 },
    );
  });

  test('with a word more, a word less or a word in place of another', () => {
    fc.assert(
      fc.property(listed, asCode, strange, fc.nat(12), fc.constantFrom(0, 1, 2), (words, form, word, at, how) => {
        const parts = words.split(' ');
        const place = at % (parts.length + 1);
        if (how === 0) parts.splice(place, 0, word);
        else parts.splice(Math.min(place, parts.length - 1), 1, ...(how === 1 ? [] : [word]));
        const text = form(parts.join(' '));
        expect([text, kindOf({ message: text })]).toEqual([text, expected(text)]);
        expect([text, kindOf({ error: text })]).toEqual([text, expected(text)]);
      }),
      { numRuns: 10_000 },
    );
  });

  test('with a letter more, a letter less or a letter in place of another', () => {
    const letter = fc.constantFrom(...'abcdefinorstuxvzE_-. \n!?,:;0');
    fc.assert(
      fc.property(listed, asCode, letter, fc.nat(60), fc.constantFrom(0, 1, 2), (words, form, one, at, how) => {
        const letters = [...form(words)];
        const place = at % (letters.length + 1);
        if (how === 0) letters.splice(place, 0, one);
        else letters.splice(place, 1, ...(how === 1 ? [] : [one]));
        const text = letters.join('');
        expect([text, kindOf({ message: text })]).toEqual([text, expected(text)]);
      }),
      { numRuns: 10_000 },
    );
  });

  test('with anything before or behind', () => {
    const around = fc.oneof(
      fc.string({ maxLength: 12 }),
      strange.map((word) => ` ${word} `),
    );
    fc.assert(
      fc.property(listed, asCode, around, around, (words, form, front, back) => {
        const text = front + form(words) + back;
        expect([text, kindOf({ message: text })]).toEqual([text, expected(text)]);
      }),
      { numRuns: 3000 },
    );
  });
});
