import { describe, expect, test } from 'vitest';
import { readRefusal } from '../../src/core/refusal.js';

const dead = { error: 'invalid_grant' };

describe('evidence is weighed', () => {
  test.each([408, 409, 425, 429, 500, 502, 503, 504, 520, 599])(
    'status %i is transient whatever the body says',
    (status) => {
      for (const body of [dead, { error: 'invalid_client' }, { error: 'login_required' }, undefined]) {
        expect(readRefusal({ status, body }).kind).toBe('transient');
      }
    },
  );

  test('a server that names a moment to come back is transient whatever the body says', () => {
    expect(readRefusal({ status: 400, body: dead, retryAt: 1000 }).kind).toBe('transient');
    expect(readRefusal({ status: 403, retryAt: 1000 }).kind).toBe('transient');
  });

  test.each([undefined, 0, 200, 204, 302, 400, 401, 403, 404, 405, 406, 410, 418, 422, 424, 426, 428, 430, 451, 499])(
    'status %s alone decides nothing',
    (status) => {
      const seen = status === undefined ? {} : { status };
      expect(readRefusal(seen).kind).toBe('unknown');
      expect(readRefusal({ ...seen, body: {} }).kind).toBe('unknown');
      expect(readRefusal({ ...seen, body: dead }).kind).toBe('dead');
    },
  );

  test('trying again beats asking the user, which beats a wrong setup, which beats dead', () => {
    const body = {
      error: 'invalid_grant',
      error_code: 'invalid_client',
      suberror: 'basic_action',
      code: 'server_error',
    };
    expect(readRefusal({ body }).kind).toBe('transient');
    expect(readRefusal({ body: { ...body, code: '' } }).kind).toBe('interaction');
    expect(readRefusal({ body: { ...body, code: '', suberror: '' } }).kind).toBe('config');
    expect(readRefusal({ body: dead }).kind).toBe('dead');
  });

  test.each([
    'invalid_request',
    'unauthorized_client',
    'access_denied',
    'session_expired',
    'resource_not_found',
    'invalid_token',
  ])('%s is never dead by itself', (error) => {
    for (const status of [200, 400, 401, 403, 404]) {
      for (const error_description of [undefined, 'The refresh token is invalid, expired or revoked.']) {
        expect(readRefusal({ status, body: { error, error_description } }).kind).not.toBe('dead');
      }
    }
  });

  test.each([
    ['invalid_request', 'Value passed for the token was invalid'],
    ['invalid_request', 'value passed for the token was invalid.'],
    ['invalid_request', 'Value passed for the token was invalid. '],
    ['invalid_request', 'refresh_token is invalid'],
    ['invalid_request', 'missing or unknown refresh token'],
    ['unauthorized_client', 'refresh_token is invalid.'],
    ['unauthorized_client', 'Value passed for the token was invalid.'],
    ['', 'Value passed for the token was invalid.'],
    ['', 'invalid_grant'],
    ['invalid_request', 'invalid_grant'],
    ['INVALID_GRANT', ''],
    ['invalid_grant ', ''],
    ['invalid_grant\n', ''],
    ['xinvalid_grant', ''],
    ['invalid_grant_type', ''],
    ['token_expired', ''],
    ['generated', 'rate'],
  ])('error %j with description %j is not dead', (error, error_description) => {
    expect(readRefusal({ status: 400, body: { error, error_description } }).kind).not.toBe('dead');
  });

  test.each(['', 'A token request is already being processed.', 'token request is already being processed!'])(
    'only the exact sentence turns invalid_grant into a race: %j does not',
    (error_description) => {
      expect(readRefusal({ status: 400, body: { ...dead, error_description } }).kind).toBe('dead');
    },
  );
});

describe('codes count as a whole', () => {
  const known = {
    transient: ['temporarily_unavailable', 'server_error', 'too_many_requests', 'use_dpop_nonce', '429', '503'],
    interaction: [
      'interaction_required',
      'login_required',
      'consent_required',
      'account_selection_required',
      'organization_selection_required',
      'mfa_required',
      'sso_required',
      'mfa_enrollment',
      'unverified_user_email',
      'requires_captcha',
      'invalid_rapt',
      'basic_action',
      'additional_action',
      'message_only',
      'user_password_expired',
    ],
    config: [
      'invalid_client',
      'invalid_scope',
      'unsupported_grant_type',
      'unauthorized_client',
      'access_denied',
      'incorrect_client_credentials',
      'PROJECT_NUMBER_MISMATCH',
    ],
    dead: [
      'invalid_grant',
      'bad_refresh_token',
      'invalid_refresh_token',
      'refresh_token_not_found',
      'refresh_token_already_used',
      'session_not_found',
      'authentication_invalid',
      'user_banned',
      'inactive_user',
    ],
  } as const;

  describe.each(Object.entries(known))('%s', (kind, codes) => {
    test.each(codes)('%s, but nothing longer', (error) => {
      expect(readRefusal({ status: 400, body: { error } }).kind).toBe(kind);
      for (const longer of [`x${error}`, `${error}x`, `_${error}`, `${error}.1`]) {
        expect(readRefusal({ status: 400, body: { error: longer } }).kind).toBe('unknown');
      }
    });
  });
});

describe('codes are looked for in known places', () => {
  test.each<[string, unknown]>([
    ['error', { error: 'invalid_grant' }],
    ['error.code', { error: { code: 'invalid_grant' } }],
    ['error.message, in capitals', { error: { message: 'TOKEN_EXPIRED' } }],
    ['error.message, in front of a sentence', { error: { message: 'USER_DISABLED : The account is disabled.' } }],
    ['error_code', { error_code: 'invalid_grant' }],
    ['code', { code: 'invalid_grant' }],
    ['errorCode', { errorCode: 'invalid_grant' }],
    ['suberror', { suberror: 'invalid_grant' }],
    ['error_subtype', { error_subtype: 'invalid_grant' }],
    ['status', { status: 'BAD_REFRESH_TOKEN' }],
    ['errors[0].code', { errors: [{ code: 'user_banned' }, {}] }],
  ])('%s', (_, body) => {
    expect(readRefusal({ status: 400, body }).kind).toBe('dead');
  });

  test.each<[string, unknown]>([
    ['the message', { message: 'invalid_grant' }],
    ['the description', { error_description: 'invalid_grant' }],
    ['error.message, not in capitals', { error: { message: 'invalid_grant' } }],
    ['error.message, behind something', { error: { message: 'NOT TOKEN_EXPIRED' } }],
    ['error.message, without the colon', { error: { message: 'TOKEN_EXPIRED soon' } }],
    ['an object within', { data: { error: 'invalid_grant' } }],
    ['error.error', { error: { error: 'invalid_grant' } }],
    ['a list', [{ error: 'invalid_grant' }]],
    ['error as a list', { error: ['invalid_grant'] }],
    ['the second of errors', { errors: [{}, { code: 'user_banned' }] }],
    ['a string', 'invalid_grant'],
    ['__proto__', JSON.parse('{"__proto__":{"error":"invalid_grant"}}')],
    ['what the body inherits', Object.create({ error: 'invalid_grant' })],
    ['what error inherits', { error: Object.create({ code: 'invalid_grant' }) }],
  ])('not in %s', (_, body) => {
    expect(readRefusal({ status: 400, body }).kind).toBe('unknown');
  });

  test('the OAuth error of a thrown error counts like one in the body', () => {
    expect(readRefusal({ oauthError: 'invalid_grant' })).toEqual({ kind: 'dead', oauthError: 'invalid_grant' });
    expect(readRefusal({ oauthError: 'invalid_grant', body: { error: 'server_error' } }).kind).toBe('transient');
  });

  test('an error object may stand in for the body', () => {
    const thrown = Object.assign(new Error('refused'), {
      ...dead,
      error_description: 'token request is already being processed',
    });
    expect(readRefusal({ status: 400, body: thrown }).kind).toBe('transient');
  });

  test.each([50074, 50076, 50079])('number %i of Entra wants a second factor', (number) => {
    expect(readRefusal({ status: 400, body: { ...dead, error_codes: [number] } }).kind).toBe('interaction');
  });

  test('number 50196 of Entra asks for a pause, whatever the code beside it says', () => {
    expect(readRefusal({ status: 400, body: { ...dead, error_codes: [50196] } }).kind).toBe('transient');
  });

  test('a status that the body repeats as a code counts', () => {
    expect(readRefusal({ body: { ...dead, code: 429 } }).kind).toBe('transient');
    expect(readRefusal({ body: { ...dead, code: 400 } }).kind).toBe('dead');
  });

  test('a getter is not run', () => {
    const body = {
      get error(): string {
        throw new Error('was run');
      },
    };
    expect(readRefusal({ status: 400, body }).kind).toBe('unknown');
  });

  test('a value that cannot become a text is no code', () => {
    const hostile = JSON.parse('{"toString":null,"valueOf":1}');
    const places = ['error', 'error_description', 'error_code', 'code', 'errors', 'error_codes', 'status'];
    for (const place of places) {
      for (const value of [
        hostile,
        [hostile],
        { message: hostile, code: hostile },
        [{ code: hostile }],
        null,
        true,
        1n,
      ]) {
        expect(readRefusal({ status: 400, body: { [place]: value } }).kind).toBe('unknown');
      }
    }
  });
});

describe('what a failure carries', () => {
  test('status, moment and body are given back as they came, and nothing that did not come', () => {
    const body = { error: 'whatever', deep: [1] };
    expect(readRefusal({ status: 418, body, retryAt: 5 })).toStrictEqual({
      kind: 'transient',
      status: 418,
      body,
      retryAt: 5,
      oauthError: 'whatever',
    });
    expect(readRefusal({})).toStrictEqual({ kind: 'unknown' });
  });

  test.each<[string | undefined, unknown]>([
    ['invalid_grant', { error: 'invalid_grant', suberror: 'bad_token' }],
    ['refresh_token_not_found', { code: 400, error_code: 'refresh_token_not_found' }],
    ['TOKEN_EXPIRED', { error: { code: 400, message: 'TOKEN_EXPIRED', status: 'INVALID_ARGUMENT' } }],
    ['E0000047', { errorCode: 'E0000047' }],
    ['user_banned', { errors: [{ code: 'user_banned' }] }],
    ['BAD_REFRESH_TOKEN', { status: 'BAD_REFRESH_TOKEN' }],
    ['oidc.invalid_grant', { code: 'oidc.invalid_grant' }],
    ['a-b.c_D9', { error: 'a-b.c_D9' }],
    ['x'.repeat(64), { error: 'x'.repeat(64) }],
    [undefined, { error: 'x'.repeat(65) }],
    // what may be a token of long ago is classified, and not shown
    [undefined, { error: 'gho_16C7e42F292c6912E7710c838347Ae178B4a' }],
    ['invalid_request', { error: '3f9a0b7c5d2e4f6081a9b3c7', code: 'invalid_request' }],
    [undefined, { error: 'Request timeout' }],
    [undefined, { error: 'a/b' }],
    [undefined, { error: 'a\nb' }],
    [undefined, { error: 'code\n' }],
    [undefined, { error: '' }],
    [undefined, { code: 400, status: 400 }],
    [undefined, '<html></html>'],
  ])('the code is %s', (expected, body) => {
    expect(readRefusal({ status: 400, body }).oauthError).toBe(expected);
    expect('oauthError' in readRefusal({ status: 400, body })).toBe(expected !== undefined);
  });

  test('a given error that is no code is not passed on', () => {
    expect(readRefusal({ oauthError: 'Bad <b>token</b>' })).toStrictEqual({ kind: 'unknown' });
  });
});
