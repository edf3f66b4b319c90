import { describe, expect, test } from 'vitest';
import {
  isSameSubject,
  readClaims,
  readTokenResponse,
  type TokenSet,
  withRefreshToken,
} from '../../src/core/token-set.js';

const REQUESTED = 1_800_000_000_000;
const RECEIVED = REQUESTED + 250;
const HOUR = 3_600_000;

const previous: TokenSet = {
  accessToken: 'old-access',
  refreshToken: 'old-refresh',
  idToken: jwt({ sub: 'alice' }),
  scopes: ['read', 'write'],
  issuedAt: REQUESTED - HOUR,
  expiresAt: REQUESTED,
};

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}

function read(body: unknown, before?: TokenSet) {
  return readTokenResponse(body, REQUESTED, RECEIVED, before);
}

function expiryOf(body: object): number | undefined {
  const found = read({ access_token: 'opaque', ...body });
  if (found.problem !== undefined) throw new Error(found.problem);
  return found.tokens.expiresAt;
}

describe('a token response becomes a token set', () => {
  test('with every member', () => {
    const idToken = jwt({ sub: 'bob' });
    const body = {
      access_token: 'a',
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: 'r',
      scope: 'openid  email',
      id_token: idToken,
    };
    expect(read(body)).toEqual({
      tokens: {
        accessToken: 'a',
        refreshToken: 'r',
        idToken,
        scopes: ['openid', 'email'],
        issuedAt: REQUESTED,
        expiresAt: REQUESTED + HOUR,
      },
    });
  });

  test('refresh token, ID token and scope of the session before are kept where the answer has none', () => {
    const found = read({ access_token: 'new', expires_in: 60 }, previous);
    expect(found).toMatchObject({
      tokens: { accessToken: 'new', refreshToken: 'old-refresh', idToken: previous.idToken, scopes: ['read', 'write'] },
    });
  });

  test.each([[''], [null], [7], ['line\nbreak']])(
    'a refresh token that cannot be sent, %j, does not replace the one before',
    (refresh_token) => {
      expect(read({ access_token: 'new', refresh_token }, previous)).toMatchObject({
        tokens: { accessToken: 'new', refreshToken: 'old-refresh' },
      });
    },
  );

  test.each([['not a jwt'], ['a.b.c'], [''], [12]])('a malformed ID token, %j, loses nothing', (id_token) => {
    expect(read({ access_token: 'new', refresh_token: 'r2', id_token }, previous)).toMatchObject({
      tokens: { accessToken: 'new', refreshToken: 'r2', idToken: previous.idToken },
    });
  });

  test('an empty scope means no scope, another type is as good as missing', () => {
    expect(read({ access_token: 'a', scope: '' }, previous)).toMatchObject({ tokens: { scopes: [] } });
    expect(read({ access_token: 'a', scope: 5 }, previous)).toMatchObject({ tokens: { scopes: ['read', 'write'] } });
    expect(read({ access_token: 'a' })).toMatchObject({ tokens: { scopes: [] } });
  });

  test.each<[unknown, readonly string[]]>([
    ['openid email', ['openid', 'email']],
    ['openid\nemail', ['openid', 'email']],
    ['openid', ['openid']],
    ['repo,gist', ['repo', 'gist']],
    ['read,activity:read_all,', ['read', 'activity:read_all']],
    // RFC 6749 lets a scope have a comma in it
    ['pay:a,b mail', ['pay:a,b', 'mail']],
    [
      ['openid', 'email'],
      ['openid', 'email'],
    ],
    [
      ['openid email', 'mail'],
      ['openid', 'email', 'mail'],
    ],
    [['a', 5, null, { b: 1 }, ['c']], ['a']],
    [[], []],
    [null, ['read', 'write']],
    [{ 0: 'a' }, ['read', 'write']],
  ])('a scope of %j is read as %j', (scope, scopes) => {
    expect(read({ access_token: 'a', scope }, previous)).toMatchObject({ tokens: { scopes } });
  });

  test.each([
    'BearerToken',
    'bearer_token',
    'user',
    'bot',
    'User Access Token',
    'token',
    'JWT',
    'urn:ietf:params:oauth:token-type:access_token',
    '',
    null,
    'dpop-not',
    'mac-address',
  ])('a token_type that is not known to be bound to a key is as good as Bearer: %j', (token_type) => {
    expect(read({ access_token: 'a', token_type }).problem).toBeUndefined();
  });

  test.each(['DPoP', 'dpop', 'PoP', 'pop', 'mac', 'MAC', 'N_A', 'n_a'])(
    'one that is known to be bound to a key is told from whatever else is wrong: %s',
    (token_type) => {
      expect(read({ access_token: 'a', token_type })).toMatchObject({
        problem: `a token that is bound to a key (${token_type})`,
        isBound: true,
      });
      expect(read({ access_token: '', token_type: 'Bearer' })).not.toHaveProperty('isBound');
    },
  );

  test.each(['DPoP', 'dpop', undefined, null, ''])(
    'a session that is bound to a key takes the type %j',
    (token_type) => {
      const body = { access_token: 'a', token_type, refresh_token: 'r' };
      expect(readTokenResponse(body, REQUESTED, RECEIVED, undefined, false, true)).toMatchObject({
        tokens: { accessToken: 'a' },
      });
    },
  );

  test.each(['Bearer', 'bearer', 'mac', 'PoP', 'JWT', 'DPoP '])(
    'and no other, such as %j, but keeps its refresh token',
    (token_type) => {
      const body = { access_token: 'a', token_type, refresh_token: 'r' };
      expect(readTokenResponse(body, REQUESTED, RECEIVED, undefined, false, true)).toEqual({
        problem: 'a token that is not bound to the key of the session (DPoP)',
        refreshToken: 'r',
        isBound: true,
      });
    },
  );

  test('members of the prototype are no members of the answer', () => {
    const body = Object.create({ access_token: 'inherited', refresh_token: 'inherited' });
    expect(read(body)).toEqual({ problem: 'no access_token', refreshToken: undefined });
  });
});

describe('what is no token response is refused, and a new refresh token in it is kept', () => {
  const deep = (levels: number): object => (levels === 0 ? {} : { in: deep(levels - 1) });
  const cases: [string, unknown, RegExp][] = [
    ['nothing', undefined, /no access_token/],
    ['null', null, /no access_token/],
    ['a string', 'access_token=a', /no access_token/],
    ['a list', [{ access_token: 'a' }], /no access_token/],
    ['an empty object', {}, /no access_token/],
    ['names in camelCase', { accessToken: 'a' }, /^accessToken instead of access_token$/],
    ['a number for a token', { access_token: 5 }, /not visible ASCII/],
    ['an empty token', { access_token: '' }, /empty/],
    ['a line break in the token', { access_token: 'a\r\nX-Evil: 1' }, /not visible ASCII/],
    ['a space in the token', { access_token: 'a b' }, /not visible ASCII/],
    ['a token beyond ASCII', { access_token: 'ä' }, /not visible ASCII/],
    ['a token of over 65536 characters', { access_token: 'a'.repeat(65_537) }, /too long/],
    ['another token type', { access_token: 'a', token_type: 'mac' }, /bound to a key \(mac\)/],
    ['a token type that is bound to a key', { access_token: 'a', token_type: 'DPoP' }, /bound to a key \(DPoP\)/],
    ['a token type that is no string', { access_token: 'a', token_type: 4 }, /token_type/],
    ['a token type that cannot become a string', { access_token: 'a', token_type: { toString: null } }, /token_type/],
    ['an own __proto__ member', JSON.parse('{"access_token":"a","__proto__":{"x":1}}'), /__proto__/],
    ['an own __proto__ member further in', JSON.parse('{"access_token":"a","u":{"__proto__":1}}'), /__proto__/],
    ['more than 32 levels', { access_token: 'a', user: deep(31) }, /deeply/],
  ];

  test.each(cases)('%s', (_, body, problem) => {
    expect(read(body).problem).toMatch(problem);
  });

  test.each(cases.slice(4))('%s, beside a refresh token', (_, body) => {
    const withRefresh = { ...(body as object), refresh_token: 'rescued' };
    // a spread would turn an own __proto__ member into a prototype
    for (const key of Object.getOwnPropertyNames(body)) {
      Object.defineProperty(withRefresh, key, Object.getOwnPropertyDescriptor(body, key) as PropertyDescriptor);
    }
    const isBound = /mac|DPoP/.test(`${JSON.stringify(body)}`) || undefined;
    expect(read(withRefresh)).toEqual({ problem: expect.any(String), refreshToken: 'rescued', isBound });
  });

  test('32 levels, a token of 65536 characters and a Bearer in capitals are fine', () => {
    expect(read({ access_token: 'a'.repeat(65_536), token_type: 'BEARER', user: deep(30) }).problem).toBeUndefined();
  });
});

describe('the expiry', () => {
  const iat = REQUESTED / 1000;
  const past = iat - 7200;
  test.each<[string, object, number | undefined]>([
    ['expires_in, a number', { expires_in: 60 }, REQUESTED + 60_000],
    ['expires_in, a numeric string', { expires_in: '60' }, REQUESTED + 60_000],
    ['expires_in, a fraction', { expires_in: 0.5 }, REQUESTED + 500],
    [
      'expires_in before the lifetime in the token',
      { expires_in: 60, access_token: jwt({ iat, exp: iat + 9 }) },
      REQUESTED + 60_000,
    ],
    [
      'the lifetime in the token, whatever its clock says',
      { access_token: jwt({ iat: past, exp: past + 60 }) },
      REQUESTED + 60_000,
    ],
    [
      'the lifetime where expires_in is zero',
      { expires_in: 0, access_token: jwt({ iat, exp: iat + 9 }) },
      REQUESTED + 9_000,
    ],
    ['exp alone', { access_token: jwt({ exp: iat + 60 }) }, REQUESTED + 60_000],
    ['exp in milliseconds', { access_token: jwt({ exp: REQUESTED + 60_000 }) }, REQUESTED + 60_000],
    [
      'iat and exp in milliseconds',
      { access_token: jwt({ iat: REQUESTED, exp: REQUESTED + 5_000 }) },
      REQUESTED + 5_000,
    ],
    ['exp alone, past on arrival: a clock is wrong', { access_token: jwt({ exp: past }) }, undefined],
    ['a lifetime of zero and exp past', { access_token: jwt({ iat: past, exp: past }) }, undefined],
    ['a negative lifetime', { access_token: jwt({ iat: iat - 10, exp: iat - 20 }) }, undefined],
    ['nothing at all', {}, undefined],
    ['zero', { expires_in: 0 }, undefined],
    ['a negative number', { expires_in: -5 }, undefined],
    ['NaN', { expires_in: Number.NaN }, undefined],
    ['infinity', { expires_in: Number.POSITIVE_INFINITY }, undefined],
    ['an empty string', { expires_in: '' }, undefined],
    ['a word', { expires_in: 'soon' }, undefined],
    ['a list', { expires_in: [60] }, undefined],
    ['true', { expires_in: true }, undefined],
    ['ten years', { expires_in: 315_360_000 }, REQUESTED + 315_360_000_000],
    ['a moment by mistake, in seconds', { expires_in: iat + 3600 }, REQUESTED + HOUR],
    ['a moment by mistake, in milliseconds', { expires_in: REQUESTED + HOUR }, REQUESTED + HOUR],
    ['a moment in a string', { expires_in: `${iat + 3600}` }, REQUESTED + HOUR],
    ['a moment that is past: a clock is wrong', { expires_in: iat - 1 }, undefined],
    ['a moment, past in milliseconds', { expires_in: REQUESTED }, undefined],
    ['more than ten years, and no moment within ten', { expires_in: 315_360_001 }, undefined],
    ['a moment more than ten years away', { expires_in: iat + 315_360_001 }, undefined],
    ['the longest number there is', { expires_in: Number.MAX_VALUE }, undefined],
    [
      'the lifetime in the token before a moment, whatever its clock says',
      { expires_in: iat + 3600, access_token: jwt({ iat: past, exp: past + 60 }) },
      REQUESTED + 60_000,
    ],
    ['exp more than ten years away', { access_token: jwt({ exp: iat + 315_360_001 }) }, undefined],
    ['exp that is no number', { access_token: jwt({ exp: 'later' }) }, undefined],
  ])('%s', (_, body, expected) => {
    expect(expiryOf(body)).toBe(expected);
  });
});

describe('the end of the refresh token', () => {
  const sent = REQUESTED / 1000;
  const endOf = (body: object, before?: TokenSet) => {
    const found = read({ access_token: 'opaque', ...body }, before);
    if (found.problem !== undefined) throw new Error(found.problem);
    return found.tokens.refreshExpiresAt;
  };
  const known: TokenSet = { ...previous, refreshExpiresAt: REQUESTED + 9 * HOUR };

  test.each<[string, object, number | undefined]>([
    ['as Keycloak says it', { refresh_expires_in: 1800 }, REQUESTED + 1_800_000],
    ['as GitHub and eBay say it', { refresh_token_expires_in: 15_811_200 }, REQUESTED + 15_811_200_000],
    ['as Intuit says it', { x_refresh_token_expires_in: 8_726_400 }, REQUESTED + 8_726_400_000],
    ['as a moment', { refresh_token_expires_at: sent + 60 }, REQUESTED + 60_000],
    ['as a moment in milliseconds', { refresh_token_expires_at: REQUESTED + HOUR }, REQUESTED + HOUR],
    ['a numeric string', { refresh_expires_in: '1800' }, REQUESTED + 1_800_000],
    ['a moment by mistake', { refresh_expires_in: sent + 3600 }, REQUESTED + HOUR],
    ['nothing at all', {}, undefined],
    ['zero, as Keycloak says of one without an end', { refresh_expires_in: 0 }, undefined],
    ['a negative number', { refresh_expires_in: -5 }, undefined],
    ['NaN', { refresh_token_expires_in: Number.NaN }, undefined],
    ['infinity', { refresh_token_expires_in: Number.POSITIVE_INFINITY }, undefined],
    ['an empty string', { x_refresh_token_expires_in: '' }, undefined],
    ['a word', { x_refresh_token_expires_in: 'never' }, undefined],
    ['a list', { refresh_expires_in: [60] }, undefined],
    ['an object', { refresh_expires_in: { seconds: 60 } }, undefined],
    ['a date in words', { refresh_token_expires_at: '2030-01-01T00:00:00Z' }, undefined],
    ['a moment that is past', { refresh_token_expires_at: sent - 1 }, undefined],
    ['more than ten years', { refresh_expires_in: 315_360_001 }, undefined],
    [
      'absurd under one name, sound under another',
      { refresh_expires_in: 0, refresh_token_expires_in: 60 },
      REQUESTED + 60_000,
    ],
  ])('%s', (_, body, expected) => {
    expect(endOf({ refresh_token: 'r', ...body })).toBe(expected);
  });

  test('says nothing of the access token, and that says nothing of it', () => {
    expect(expiryOf({ refresh_expires_in: 60 })).toBeUndefined();
    expect(endOf({ expires_in: 60, access_token: jwt({ iat: sent, exp: sent + 60 }) })).toBeUndefined();
  });

  test.each([{}, { refresh_token: 'old-refresh' }])('stays where the refresh token stays: %j', (body) => {
    expect(endOf(body, known)).toBe(REQUESTED + 9 * HOUR);
    expect(endOf({ ...body, refresh_expires_in: 60 }, known)).toBe(REQUESTED + 60_000);
  });

  test('is not known of another refresh token, of one in a cookie, or of another subject', () => {
    expect(endOf({ refresh_token: 'new' }, known)).toBeUndefined();
    expect(endOf({}, { ...known, refreshToken: undefined })).toBeUndefined();
    expect(endOf({ id_token: jwt({ sub: 'bob' }) }, known)).toBeUndefined();
    expect(withRefreshToken(known, 'rescued').refreshExpiresAt).toBeUndefined();
  });
});

describe('claims', () => {
  test('are read from a JWT, unverified', () => {
    expect(readClaims(jwt({ sub: 'ünïcode', n: 1 }))).toEqual({ sub: 'ünïcode', n: 1 });
  });

  test.each([
    ['undefined', undefined],
    ['opaque', 'abc'],
    ['two dots', '..'],
    ['not JSON', `x.${Buffer.from('{').toString('base64url')}.`],
    ['an own __proto__', `x.${Buffer.from('{"__proto__":{"admin":true}}').toString('base64url')}.`],
  ])('are undefined for a token that is %s', (_, token) => {
    expect(readClaims(token)).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

test('a rescued refresh token changes nothing else of a token set', () => {
  expect(withRefreshToken(previous, 'rescued')).toEqual({ ...previous, refreshToken: 'rescued' });
});

describe('two ID tokens speak of one subject', () => {
  const [iss, other] = ['https://auth.example', 'https://login.example'];

  test.each([
    ['the same', { sub: 'ada', iss }, { sub: 'ada', iss, iat: 2 }, true],
    ['another sub', { sub: 'ada', iss }, { sub: 'bob', iss }, false],
    ['another iss', { sub: 'ada', iss }, { sub: 'ada', iss: other }, false],
    ['both others', { sub: 'ada', iss }, { sub: 'bob', iss: other }, false],
    ['a number and its text', { sub: 7, iss }, { sub: '7', iss }, true],
    ['another case', { sub: 'ada', iss }, { sub: 'Ada', iss }, false],
    ['no sub any more', { sub: 'ada', iss }, { iss }, true],
    ['no iss any more', { sub: 'ada', iss }, { sub: 'ada' }, true],
    ['a sub that is empty', { sub: 'ada', iss }, { sub: '', iss }, true],
    ['nothing at all', { sub: 'ada', iss }, {}, true],
    ['an issuer without its scheme, as Google has it', { sub: 'a', iss }, { sub: 'a', iss: 'auth.example' }, true],
    ['plain http in place of https', { sub: 'ada', iss }, { sub: 'ada', iss: 'http://auth.example' }, false],
  ])('%s', (_, a, b, expected) => {
    expect(isSameSubject(jwt(a), jwt(b))).toBe(expected);
    expect(isSameSubject(jwt(b), jwt(a))).toBe(expected);
  });

  test.each([undefined, '', 'opaque', 'a.b.c'])('%j proves no difference', (token) => {
    expect(isSameSubject(jwt({ sub: 'ada' }), token)).toBe(true);
    expect(isSameSubject(token, jwt({ sub: 'ada' }))).toBe(true);
  });
});

describe('an answer of another subject takes nothing over from the session before', () => {
  const id_token = jwt({ sub: 'bob' });

  test('neither refresh token nor scopes', () => {
    const found = read({ access_token: 'new', id_token }, previous);
    expect(found).toMatchObject({ tokens: { idToken: id_token, refreshToken: undefined, scopes: [] } });
  });

  test('and does not leave its refresh token behind where it is of no use otherwise', () => {
    expect(read({ refresh_token: 'of-bob', id_token }, previous)).toMatchObject({ refreshToken: undefined });
    expect(read({ refresh_token: 'of-ada' }, previous)).toMatchObject({ refreshToken: 'of-ada' });
  });
});
