import { expect, test } from 'vitest';
import { isFinal, renewal } from '../../src/core/renewal.js';
import type { RefreshReason } from '../../src/core/session-events.js';
import type { TokenSet } from '../../src/core/token-set.js';

const NOW = 1_000;
const tokens = (refreshToken: string | undefined, expiresAt: number | undefined): TokenSet => ({
  accessToken: 'a',
  refreshToken,
  idToken: undefined,
  scopes: [],
  issuedAt: 0,
  expiresAt,
});
const REASONS: readonly RefreshReason[] = ['due', 'expired', 'rejected', 'asked', 'resume'];

test.each([
  ['a usable token', NOW + 1, 'due', 'nothing'],
  ['a usable token', NOW + 1, 'asked', 'nothing'],
  ['a usable token that a server refused', NOW + 1, 'rejected', 'nothing'],
  ['a usable token in its last fraction of a millisecond', NOW + 0.5, 'expired', 'nothing'],
  ['an expired token', NOW, 'expired', 'expire'],
  ['an expired token', NOW, 'asked', 'expire'],
  ['an expired token that a server refused', NOW, 'rejected', 'expire'],
  ['a token of unknown expiry', undefined, 'due', 'nothing'],
  ['a token of unknown expiry', undefined, 'asked', 'nothing'],
  ['a token of unknown expiry that a server refused', undefined, 'rejected', 'expire'],
] as const)('without a refresh token, %s (%s, %s): %s', (_, expiresAt, reason, expected) => {
  expect(renewal(tokens(undefined, expiresAt), reason, true, NOW)).toBe(expected);
});

test('with a refresh token, or where none is needed, the server is asked', () => {
  for (const reason of REASONS) {
    for (const expiresAt of [undefined, NOW - 1, NOW + 1]) {
      expect(renewal(tokens('r', expiresAt), reason, true, NOW)).toBe('ask');
      expect(renewal(tokens(undefined, expiresAt), reason, false, NOW)).toBe('ask');
    }
  }
});

test('tokens are the last of their session where a refresh token is needed and missing', () => {
  expect([
    isFinal(tokens(undefined, 1), true),
    isFinal(tokens('r', 1), true),
    isFinal(tokens(undefined, 1), false),
  ]).toEqual([true, false, false]);
});
