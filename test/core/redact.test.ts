import { describe, expect, test } from 'vitest';
import { containsPart, isWords, redact } from '../../src/core/redact.js';

describe('part of a secret', () => {
  test.each([
    ['abcdef', 'abcdef', true],
    ['xx-bcdefg-xx', 'abcdefgh', true],
    ['xx-cdefgh', 'abcdefgh', true],
    ['abcde-fgh', 'abcdefgh', false],
    ['cdefg', 'abcdefgh', false],
    ['abcde', 'abcde', false],
    ['', 'abcdefgh', false],
    ['abcdefgh', '', false],
    ['ABCDEF', 'abcdef', false],
  ])('%j of %j: %s', (text, secret, expected) => {
    expect(containsPart(text, secret)).toBe(expected);
  });
});

describe('a code is shown if it is words', () => {
  test.each([
    'invalid_grant',
    'INVALID_GRANT',
    'oidc.invalid_grant',
    'invalid-grant',
    'invalidGrant',
    'NotAuthorizedException',
    'E0000047',
    'AADSTS700082',
    'ERR_1042',
    'InvalidParameter.RefreshToken',
    'error_400',
    'oauth2.expired',
    'v2_expired',
    'token9',
    'a-b.c_D9',
    'unauthenticated',
  ])('%s', (code) => {
    expect(isWords(code)).toBe(true);
  });

  test.each([
    '',
    '400',
    '12345678',
    '550e8400-e29b-41d4-a716-446655440000',
    '3f9a0b7c5d2e4f60',
    'DEADBEEF1234CAFE5678',
    'deadbeef12345678deadbeef',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    'gho_16C7e42F292c6912E7710c838347Ae178B4a',
    'ya29.a0AfH6SMBxyz-1_2',
    'xoxe-1-My0xLTE3NTM4',
    'rt_9fK2mQ7xV4bN8sL1',
    'kJ8dQmZ3wRt5yBn7',
    'GEZDGNBVGY3TQOJQ',
    'ABCDEFGHIJKLMNOPQRST',
    'a1b2c3',
    'aBcDeFgHiJ',
    'error_123456789',
    'ünïcode',
    'two words',
    'words\n',
  ])('but not %j', (code) => {
    expect(isWords(code)).toBe(false);
  });

  test('a code of 64 characters in any order is judged at once', () => {
    for (const code of ['a1_'.repeat(21), 'aB'.repeat(32), `${'x'.repeat(60)}1234`, 'Abc'.repeat(21), '_'.repeat(64)]) {
      expect(isWords(code)).toBe(false);
    }
  });
});

describe('a foreign text is redacted', () => {
  test.each<[string, string, string]>([
    ['nothing to hide', 'connect ECONNREFUSED 127.0.0.1:443', 'connect ECONNREFUSED 127.0.0.1:443'],
    ['a whole secret', 'token abc-SECRET-xyz refused', 'token [redacted] refused'],
    ['the front of a secret', 'token abc-SEC refused', 'token [redacted] refused'],
    ['the end of a secret', 'refused: RET-xyz', 'refused: [redacted]'],
    ['five characters of a secret', 'refused: T-xyz', 'refused: T-xyz'],
    ['a secret inside a word', 'seen:(abc-SECRET-xyz)', 'seen:([redacted])'],
    ['a secret that repeats', 'abc-SECRET-xyzabc-SECRET-xyz', '[redacted]'],
    ['two parts that overlap', 'abc-SEC abc-SECSECRET-', '[redacted] [redacted][redacted]'],
    ['a second secret', 'user said "open sesame"', 'user said "[redacted]"'],
  ])('%s', (_, text, expected) => {
    expect(redact(text, ['abc-SECRET-xyz', undefined, '', 'open sesame'])).toBe(expected);
  });

  test.each([
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    'ya29.a0AfH6SMBxyz-1_2',
    'gho_16C7e42F292c6912E7710c838347Ae178B4a',
    '3f9a0b7c5d2e4f6081a9b3c7',
    '550e8400-e29b-41d4-a716-446655440000',
    'abcdefghijklmnopqrst',
    'ABCDEFGHIJKLMNOPQRST',
    'correct-horse-battery',
    'refresh_token=hunter2',
    'c29tZXRoaW5nIHNlY3JldA==',
    'a%2Bb%2Bc%2Bd%2Be%2Bf%2B',
    '00D5e000001!AQ'.replace('!', '~').padEnd(20, '9'),
    '/oauth/9f8e7d6c5b4a/token',
    '//api.example.com/aB3dE5gH7jK9',
  ])('a run like a token is replaced, whoever it belongs to: %s', (run) => {
    expect(redact(`got "${run}" here`, [])).toBe('got "[redacted]" here');
  });

  test('nineteen characters are not yet a run', () => {
    expect(redact('x9'.repeat(10).slice(1), [])).toBe('x9'.repeat(10).slice(1));
    expect(redact('x9'.repeat(10), [])).toBe('[redacted]');
  });

  test.each([
    'request to https://login.microsoftonline.com/common/oauth2/v2.0/token failed',
    'getaddrinfo ENOTFOUND securetoken.googleapis.com',
    'https://auth.example.com:8443/realms/main-realm/protocol/openid-connect/token',
    'https://api.example.com/OAuth/Access_Token',
    'UND_ERR_CONNECT_TIMEOUT',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'InteractionRequiredAuthError',
  ])('what tells where and why stays: %s', (text) => {
    expect(redact(text, [])).toBe(text);
  });

  test('control characters, line breaks and blanks become one blank', () => {
    const codes = [0, 7, 9, 10, 13, 27, 32, 0x7f, 0x85, 0x9f, 0xa0, 0x2028, 0x2029, 0x202e, 0x2066];
    for (const code of codes) expect(redact(`a${String.fromCharCode(code, code)}b`, [])).toBe('a b');
    expect(redact('a\r\n\t\u001b[31mb', [])).toBe('a [31mb');
    expect(redact('¡Año – 日本語 ok!~', [])).toBe('¡Año – 日本語 ok!~');
  });

  test('at most 200 characters are left, and no secret begins where the text is cut', () => {
    expect(redact('no way '.repeat(100), [])).toBe('no way '.repeat(100).slice(0, 200));
    expect(redact(`${'no way '.repeat(28)}SECRET-1`, ['SECRET-1'])).toBe(`${'no way '.repeat(28)}[red`);
    expect(redact(`${'a:'.repeat(150)}b`, ['a:'.repeat(140)])).not.toContain('a:a:a:');
  });

  test('a text of a million characters is no burden', () => {
    expect(redact('x9'.repeat(500_000), ['x9x9x9x9'])).toBe('[redacted]');
    expect(redact('a!'.repeat(500_000), ['secret-1'])).toHaveLength(200);
  });
});
