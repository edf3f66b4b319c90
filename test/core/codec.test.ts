import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRecord, encodeRecord } from '../../src/core/codec.js';
import type { Others, SessionRecord } from '../../src/core/session-record.js';

const record: SessionRecord = {
  sessionId: 'session-1',
  revision: 3,
  attemptId: 'attempt-1',
  unanswered: true,
  failure: {
    code: 'ERR_REFRESH_UNAVAILABLE',
    status: 503,
    oauthError: 'temporarily_unavailable',
    retryAt: 1_800_000_060_000,
    named: true,
    count: 2,
  },
  tokens: {
    accessToken: 'access',
    refreshToken: 'refresh token',
    idToken: 'id',
    scopes: ['a', 'b'],
    issuedAt: 1_800_000_000_000,
    expiresAt: 1_800_003_600_000,
    refreshExpiresAt: 1_802_592_000_000,
  },
};

function change(changes: object): string {
  return JSON.stringify({ ...JSON.parse(encodeRecord(record)), ...changes });
}

test('a record survives the storage as it is', () => {
  expect(decodeRecord(encodeRecord(record))).toEqual({ kind: 'record', record });
});

describe('what a session has for other targets', () => {
  const others: Others = {
    'https://a.test||': { accessToken: 'other', scopes: ['a'], issuedAt: 5, expiresAt: 9, claims: '{}' },
    'https://b.test||': { scopes: [], issuedAt: 5, expiresAt: undefined, failure: record.failure },
  };

  test('survives the storage as it is, in version 1', () => {
    const text = encodeRecord({ ...record, others, errands: 2 });
    expect(JSON.parse(text)).toMatchObject({ evertoken: 1 });
    expect(decodeRecord(text)).toEqual({ kind: 'record', record: { ...record, others, errands: 2 } });
  });

  test('what was noted about refused errands survives as well, where it is a count', () => {
    const noted = { ...record, others, errands: 2, notes: 3 };
    expect(decodeRecord(encodeRecord(noted))).toEqual({ kind: 'record', record: noted });
    expect(JSON.stringify(decodeRecord(change({ others, errands: 2, notes: 1.5 })))).not.toContain('notes');
  });

  test('costs a session that has none no byte', () => {
    expect(encodeRecord(record)).not.toMatch(/others|errands|notes/);
  });

  test.each([
    ['no list', 5],
    ['nothing', null],
    ['no object', { x: 1 }],
    ['null', { x: null }],
    ['a token with a line break', { x: { ...others['https://a.test||'], accessToken: 'a\nb' } }],
    ['a token that is none', { x: { ...others['https://a.test||'], accessToken: 5 } }],
    ['no scopes', { x: { issuedAt: 5 } }],
    ['a scope that is none', { x: { scopes: [5], issuedAt: 5 } }],
    ['no moment', { x: { scopes: [] } }],
    ['a broken expiry', { x: { scopes: [], issuedAt: 5, expiresAt: '9' } }],
    ['claims that are none', { x: { scopes: [], issuedAt: 5, claims: 5 } }],
    ['a broken failure', { x: { scopes: [], issuedAt: 5, failure: { code: 'ERR_REFRESH_CONFIG' } } }],
  ])('%s is left out, and the session lives', (_, broken) => {
    expect(decodeRecord(change({ others: broken, errands: 2 }))).toEqual({ kind: 'record', record });
  });

  test.each([undefined, 1.5, '2'])('without a count of its errands (%s) it is left out', (errands) => {
    expect(decodeRecord(change({ others, errands }))).toEqual({ kind: 'record', record });
  });
});

describe('the owner of a record', () => {
  const of = (owner: string | undefined) => encodeRecord({ ...record, owner });

  test.each([
    ['ours', 'shop', 'shop', 'record'],
    ['nobody in particular', undefined, 'shop', 'record'],
    ['nobody in particular, as we are', undefined, undefined, 'record'],
    ['another client', 'admin', 'shop', 'foreign'],
    ['a client, and we are nobody in particular', 'admin', undefined, 'foreign'],
    ['a name with a line break', 'shop\n', 'shop\n', 'damaged'],
    ['no name', '', 'shop', 'damaged'],
  ] as const)('%s', (_, owner, own, kind) => {
    expect(decodeRecord(of(owner), own).kind).toBe(kind);
  });

  test('is told where the record is not ours, and nothing else of it is', () => {
    expect(decodeRecord(of('admin'), 'shop')).toEqual({ kind: 'foreign', owner: 'admin' });
  });

  test('travels with the record', () => {
    expect(decodeRecord(of('shop'), 'shop')).toMatchObject({ record: { owner: 'shop' } });
  });
});

describe('the grant of a record', () => {
  const endpoints = {
    token: 'https://auth.test/token',
    revocation: 'https://auth.test/revoke',
    endSession: 'https://auth.test/end',
    authMethods: ['none', 'client_secret_post'],
  };
  const grant = { issuer: 'https://auth.test', endpoints };
  const read = (text: string) => decodeRecord(text).record?.grant;
  const version = (made: SessionRecord) => JSON.parse(encodeRecord(made)).evertoken;

  test.each([
    ['issuer and endpoints', grant],
    ['the issuer alone', { issuer: 'https://auth.test' }],
    ['the token endpoint alone', { endpoints: { token: 'https://auth.test/token' } }],
    ['a key as well', { ...grant, binding: 'thumbprint' }],
  ])('travels with it: %s', (_, made) => {
    expect(read(encodeRecord({ ...record, grant: made }))).toEqual(made);
  });

  test('is written in the lowest version that can carry it, so that older readers leave a bound session alone', () => {
    expect([record, { ...record, grant }].map(version)).toEqual([1, 1]);
    expect(version({ ...record, grant: { ...grant, binding: 'thumbprint' } })).toBe(2);
    expect(version({ ...record, grant: { binding: 'thumbprint' } })).toBe(2);
  });

  test('costs a record without one not a byte', () => {
    expect(encodeRecord(record)).not.toContain('grant');
    expect(decodeRecord(encodeRecord(record)).record).not.toHaveProperty('grant');
  });

  test('members that a newer package has added to version 1 are left out', () => {
    const text = change({ others: { x: 1 }, grant });
    expect(decodeRecord(text)).toEqual({ kind: 'record', record: { ...record, grant } });
  });

  test('and so do the claims that its tokens were asked for with', () => {
    expect(decodeRecord(encodeRecord({ ...record, claims: 'e30=' })).record?.claims).toBe('e30=');
    expect(decodeRecord(encodeRecord({ ...record, claims: '{"ü":\n1}' })).record?.claims).toBe('{"ü":\n1}');
    expect(decodeRecord(change({ claims: 5 })).kind).toBe('damaged');
  });

  test.each([
    ['null', null],
    ['an issuer that is no text', { issuer: 5 }],
    ['an issuer with a line break', { issuer: 'https://auth.test\n' }],
    ['no token endpoint', { endpoints: { revocation: 'https://auth.test/revoke' } }],
    ['endpoints that are no object', { endpoints: 'https://auth.test/token' }],
    ['an endpoint that is no text', { endpoints: { ...endpoints, endSession: 1 } }],
    ['methods that are no list', { endpoints: { ...endpoints, authMethods: 'none' } }],
    ['a method that is no text', { endpoints: { ...endpoints, authMethods: [1] } }],
  ])('%s: the record is damaged', (_, broken) => {
    expect(decodeRecord(change({ grant: broken })).kind).toBe('damaged');
  });

  test('a key in version 1 is damage, and version 2 without one is newer', () => {
    expect(decodeRecord(change({ grant: { binding: 'thumbprint' } })).kind).toBe('damaged');
    expect(decodeRecord(change({ evertoken: 2, grant })).kind).toBe('newer');
    expect(decodeRecord(change({ evertoken: 3, grant: { binding: 'thumbprint' } })).kind).toBe('newer');
  });
});

test('a stored record is one flat JSON document that names its version', () => {
  expect(JSON.parse(encodeRecord(record))).toMatchObject({
    evertoken: 1,
    sessionId: 'session-1',
    accessToken: 'access',
  });
});

test('any sound record survives, with or without its optional members', () => {
  const text = fc.stringMatching(/^[!-~]{1,40}$/);
  const moment = fc.integer({ min: 0, max: 4e12 });
  const sound = fc.record({
    sessionId: text,
    revision: fc.nat(),
    attemptId: text,
    unanswered: fc.boolean(),
    failure: fc.constantFrom(undefined, record.failure),
    tokens: fc.record({
      accessToken: text,
      refreshToken: fc.option(text, { nil: undefined }),
      idToken: fc.option(text, { nil: undefined }),
      scopes: fc.array(fc.string()),
      issuedAt: moment,
      expiresAt: fc.option(moment, { nil: undefined }),
      refreshExpiresAt: fc.option(moment, { nil: undefined }),
    }),
  });
  fc.assert(
    fc.property(sound, (made) => {
      expect(decodeRecord(encodeRecord(made))).toEqual({ kind: 'record', record: made });
    }),
  );
});

describe('what is not a record of ours is told apart, and never throws', () => {
  test.each([
    ['nothing', ''],
    ['no JSON', '{"evertoken":1'],
    ['another JSON', '{"user":"alice"}'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1'],
    ['version 0', change({ evertoken: 0 })],
    ['a version that is no number', change({ evertoken: '1' })],
    ['no session', change({ sessionId: undefined })],
    ['an empty session id', change({ sessionId: '' })],
    ['no access token', change({ accessToken: undefined })],
    ['a line break in the access token', change({ accessToken: 'a\nb' })],
    ['a refresh token that is no string', change({ refreshToken: 5 })],
    ['an ID token with a control character', change({ idToken: 'a\u0000' })],
    ['no attempt id', change({ attemptId: null })],
    ['a broken revision', change({ revision: 1.5 })],
    ['no moment of issue', change({ issuedAt: 'now' })],
    ['a broken expiry', change({ expiresAt: 'never' })],
    ['a broken expiry of the refresh token', change({ refreshExpiresAt: '2030' })],
    ['scopes that are no list', change({ scopes: 'a b' })],
    ['scopes that are no strings', change({ scopes: [1] })],
    ['a failure without a moment', change({ failure: { code: 'ERR_REFRESH_NETWORK', count: 1 } })],
    ['a failure without a count', change({ failure: { code: 'ERR_REFRESH_NETWORK', retryAt: 1 } })],
    ['a failure without a code', change({ failure: { retryAt: 1, count: 1 } })],
  ])('damaged: %s', (_, text) => {
    expect(decodeRecord(text)).toEqual({ kind: 'damaged' });
  });

  test('newer: a later version, whatever it looks like', () => {
    expect(decodeRecord('{"evertoken":2,"secret":"layout"}')).toEqual({ kind: 'newer' });
  });

  test('arbitrary text and arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(decodeRecord(text).kind).toBe('damaged');
      }),
    );
  });

  test('a record cut off anywhere', () => {
    const whole = encodeRecord(record);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeRecord(whole.slice(0, length))).toEqual({ kind: 'damaged' });
    }
  });
});
