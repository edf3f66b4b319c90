import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueAt, freshFrom, freshness, isUsable, outlives } from '../../src/core/freshness.js';
import type { TokenSet } from '../../src/core/token-set.js';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;

function tokenSet(lifetimeMs: number | undefined): TokenSet {
  const expiresAt = lifetimeMs === undefined ? undefined : NOW + lifetimeMs;
  return { accessToken: 'a', refreshToken: 'r', idToken: undefined, scopes: [], issuedAt: NOW, expiresAt };
}

describe('a refresh is due', () => {
  test.each<[string, number | undefined, number | undefined, number, number]>([
    ['a fifth of the lifetime ahead', 10 * MINUTE, undefined, 0, 8 * MINUTE],
    ['at most five minutes ahead', 60 * MINUTE, undefined, 0, 55 * MINUTE],
    ['as early as the leeway says', 60 * MINUTE, 20 * MINUTE, 0, 40 * MINUTE],
    ['earlier by up to half the leeway', 60 * MINUTE, 20 * MINUTE, 0.5, 35 * MINUTE],
    ['never before half the lifetime', 60 * MINUTE, 59 * MINUTE, 0.9, 30 * MINUTE],
    ['at expiry without leeway', MINUTE, 0, 0.9, MINUTE],
    ['never, where the expiry is unknown', undefined, 5 * MINUTE, 0.5, Number.POSITIVE_INFINITY],
  ])('%s', (_, lifetimeMs, leewayMs, random, expected) => {
    expect(dueAt(tokenSet(lifetimeMs), leewayMs, random)).toBe(lifetimeMs === undefined ? expected : NOW + expected);
  });

  test('always in the second half of the lifetime, and always at or before the moment without jitter', () => {
    const lifetimes = fc.double({ min: 1, max: 315_360_000_000, noNaN: true });
    const leeways = fc.option(fc.double({ min: 0, max: 2 ** 31, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(
        lifetimes,
        leeways,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (ms, leeway, chance) => {
          const due = dueAt(tokenSet(ms), leeway, chance);
          expect(due).toBeGreaterThanOrEqual(Math.floor(NOW + ms / 2) - 1);
          expect(due).toBeLessThanOrEqual(dueAt(tokenSet(ms), leeway, 0));
          expect(due).toBeLessThanOrEqual(NOW + ms);
        },
      ),
    );
  });
});

describe('a token set is', () => {
  const tokens = tokenSet(10 * MINUTE);
  const due = NOW + 8 * MINUTE;
  test.each([
    ['fresh', 0],
    ['fresh', 8 * MINUTE - 1],
    ['stale', 8 * MINUTE],
    ['stale', 10 * MINUTE - 1],
    ['expired', 10 * MINUTE],
    ['expired', 1e12],
    ['fresh', -MINUTE],
    ['stale', -MINUTE - 1],
  ] as const)(
    '%s at %d ms: expired from its expiry on, stale from due on and where the clock was set back',
    (is, at) => {
      expect(freshness(tokens, due, NOW + at)).toBe(is);
      expect(isUsable(tokens, NOW + at)).toBe(is !== 'expired');
    },
  );

  test('fresh for ever, where the expiry is unknown', () => {
    const unknown = tokenSet(undefined);
    expect(freshness(unknown, dueAt(unknown, undefined, 0), NOW + 1e12)).toBe('fresh');
    expect(isUsable(unknown, NOW + 1e12)).toBe(true);
  });

  test('fresh from a minute before it was issued', () => {
    expect(freshFrom(tokens)).toBe(NOW - MINUTE);
  });
});

describe('a token outlives what is asked for', () => {
  const tokens = tokenSet(10 * MINUTE);
  const due = NOW + 8 * MINUTE;
  test.each([
    ['as long as it lives that long', 5 * MINUTE, 5 * MINUTE, true],
    ['not once less is left', 5 * MINUTE + 1, 5 * MINUTE, false],
    ['when more than it can live is asked and it is younger than its leeway', 2 * MINUTE, 60 * MINUTE, true],
    ['not when it is older than that', 2 * MINUTE + 1, 60 * MINUTE, false],
  ])('%s', (_, age, asked, expected) => {
    expect(outlives(tokens, due, NOW + age, asked)).toBe(expected);
  });

  test('always, where the expiry is unknown', () => {
    expect(outlives(tokenSet(undefined), Number.POSITIVE_INFINITY, NOW, 1e12)).toBe(true);
  });
});
