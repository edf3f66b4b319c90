import { describe, expect, test } from 'vitest';
import { parseBody, type RefreshFailure, readRefusal } from '../../src/core/refusal.js';
import { readRetryAfter } from '../../src/core/retry-after.js';
import { type ProviderAnswer, providers } from '../support/providers.js';

type Kind = RefreshFailure['kind'];

const readings = {
  'needs-interaction': 'interaction',
  'client-config': 'config',
  // the one that is known to many servers: the same request again, with the nonce of the answer
  'retry-with-change': 'transient',
  undecidable: 'unknown',
} as const satisfies Record<NonNullable<ProviderAnswer['reading']>, Kind>;

/** Answers that no exact code decides: they keep the session, and are left to `endsSession`. */
const undecided: Readonly<Record<string, Kind>> = {
  // the same code for an inactive session and for one that wants a second factor
  'Supabase Auth: inactivity limit': 'unknown',
  'Supabase Auth: low assurance session, MFA wanted': 'unknown',
  // the code of a malformed request, and only prose beside it
  'Ory Hydra: parallel refresh lost the database race': 'unknown',
  'Ory Hydra: token row vanished during the rotation': 'unknown',
  'Microsoft Entra ID: client registered for another platform': 'unknown',
  // a code of one provider, of no use to a caller that does not know it
  'Clerk (session tokens): resend with the expired token': 'unknown',
};

interface Case {
  readonly name: string;
  readonly group: 'refreshDead' | 'transient' | 'other';
  readonly status: number;
  readonly answer: ProviderAnswer;
  readonly expected: Kind;
}

/** Every answer on file; one whose status nobody wrote down, under each of those that are to be tried. */
const cases: readonly Case[] = providers.flatMap((provider) =>
  (['refreshDead', 'transient', 'other'] as const).flatMap((group) =>
    provider[group].flatMap((answer) =>
      (answer.status === null ? (answer.statusNote?.match(/\d{3}/g) ?? []) : [answer.status]).map((status) => {
        const name = `${provider.provider}: ${answer.when}`;
        const kind = group === 'refreshDead' ? 'dead' : readings[answer.reading ?? 'retry-with-change'];
        return { name, group, status: Number(status), answer, expected: undecided[name] ?? kind };
      }),
    ),
  ),
);

/** Reads an answer the way it comes: as text, with headers. */
function read({ status, answer: { headers, body } }: Pick<Case, 'status' | 'answer'>): RefreshFailure {
  const retryAt = readRetryAfter(headers['retry-after'], 0);
  const parsed = parseBody(typeof body === 'string' ? body : JSON.stringify(body));
  return readRefusal({ status, body: parsed, ...(retryAt && { retryAt }) });
}

describe.each([
  ['a dead refresh token', 'refreshDead'],
  ['a passing fault', 'transient'],
  ['something else', 'other'],
] as const)('%s is told by what real token endpoints answer', (_, group) => {
  test.each(cases.filter((one) => one.group === group))('$name ($status): $expected', (one) => {
    expect(read(one).kind).toBe(one.expected);
  });
});

describe('the whole of what real token endpoints answer', () => {
  const answers = (group: Case['group'], kind: Kind) =>
    new Set(cases.filter((one) => one.group === group && read(one).kind === kind).map((one) => one.answer)).size;

  test('of 45 dead answers at least 42 are seen as dead', () => {
    expect(providers.flatMap((provider) => provider.refreshDead)).toHaveLength(45);
    expect(answers('refreshDead', 'dead')).toBeGreaterThanOrEqual(42);
  });

  test('of 26 transient answers none is taken for dead', () => {
    expect(providers.flatMap((provider) => provider.transient)).toHaveLength(26);
    expect(answers('transient', 'dead')).toBe(0);
  });

  test('of the 27 others none is taken for dead', () => {
    expect(providers.flatMap((provider) => provider.other)).toHaveLength(27);
    expect(answers('other', 'dead')).toBe(0);
  });

  test('no dead answer turns into another kind for lack of its description, unless that alone decides', () => {
    const needed = cases
      .filter((one) => one.expected === 'dead')
      .filter(({ status, answer }) => {
        const { error_description: _, ...rest } = Object(parseBody(JSON.stringify(answer.body)));
        return (
          readRefusal({ status, body: typeof answer.body === 'string' ? parseBody(answer.body) : rest }).kind !== 'dead'
        );
      });
    expect(needed.map(({ name }) => name)).toEqual([
      'Atlassian 3LO: dead, first form',
      'X (Twitter) OAuth 2: expired, used or revoked',
    ]);
  });
});

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

describe('a body is parsed', () => {
  test.each<[string, unknown]>([
    ['{"error":"a"}', { error: 'a' }],
    [' [1] ', [1]],
    ['null', null],
    ['"error=a"', 'error=a'],
    ['error=a&error_description=b+c%2Bd%26', { error: 'a', error_description: 'b c+d&' }],
    ['error=a', { error: 'a' }],
    ['error=', { error: '' }],
    ['error=a&b', { error: 'a', b: undefined }],
    ['access_token=abc==&expires_in=5', { access_token: 'abc==', expires_in: '5' }],
    ['error_description=a=b=c', { error_description: 'a=b=c' }],
    ['', undefined],
    ['<html><a href="?a=b">no</a></html>', undefined],
    ['error=<b>', undefined],
    ['error = a', undefined],
    ['error=a b', undefined],
    ['error', undefined],
    ['=a', undefined],
    ['Bad Gateway: error=a', undefined],
    ['error=%', undefined],
    ['error=%C3%28', undefined],
    ['{"error":', undefined],
  ])('%j', (source, expected) => {
    expect(parseBody(source)).toEqual(expected);
  });

  test('names like members of every object pollute nothing', () => {
    for (const source of ['__proto__=x&error=a', '{"__proto__":{"x":1},"error":"a"}']) {
      const body = parseBody(source) as Record<string, unknown>;
      expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
      expect(body.x).toBeUndefined();
      expect(readRefusal({ body }).oauthError).toBe('a');
    }
  });

  test('nesting and length, however great, do not throw', () => {
    const deep = `${'{"error":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    expect(readRefusal({ status: 400, body: parseBody(deep) }).kind).toBe('unknown');
    expect(parseBody('[{"a":'.repeat(200_000))).toBeUndefined();
    expect(parseBody('a=b&'.repeat(200_000))).toEqual({ a: 'b' });
  });
});
