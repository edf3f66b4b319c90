import fc from 'fast-check';
import { expect, test } from 'vitest';
import { delayOf, readInterval, readPoll } from '../../src/core/poll.js';

test.each([
  [5, 5_000],
  ['7', 7_000],
  [0.5, 500],
  [0, 5_000],
  [-1, 5_000],
  [Number.NaN, 5_000],
  [Number.POSITIVE_INFINITY, 5_000],
  ['soon', 5_000],
  [undefined, 5_000],
  [null, 5_000],
  [{}, 5_000],
])('an interval of %o is %i ms', (given, expected) => {
  expect(readInterval(given)).toBe(expected);
});

test('a poll is a little late, never early and never by more than a quarter or a second', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 3_600_000 }),
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (interval, random) => {
        const late = delayOf(interval, random) - interval;
        expect(late).toBeGreaterThan(0);
        expect(late).toBeLessThanOrEqual(Math.min(interval / 4, 1_000));
      },
    ),
  );
});

test.each<[number, string | undefined, boolean, string, number?]>([
  [200, undefined, true, 'granted'],
  [200, undefined, false, 'again', 5_000],
  [204, undefined, false, 'again', 5_000],
  [400, 'authorization_pending', true, 'again', 5_000],
  [200, 'authorization_pending', true, 'again', 5_000],
  [400, 'slow_down', true, 'again', 10_000],
  [429, 'slow_down', true, 'again', 10_000],
  [429, undefined, false, 'again', 5_000],
  [408, undefined, false, 'again', 5_000],
  [500, 'server_error', true, 'again', 5_000],
  [503, undefined, false, 'again', 5_000],
  [400, 'access_denied', true, 'refused'],
  [400, 'expired_token', true, 'expired'],
  [401, 'invalid_client', true, 'config'],
  [400, 'unauthorized_client', true, 'config'],
  [400, 'unsupported_grant_type', true, 'config'],
  [302, undefined, false, 'config'],
  [400, 'invalid_grant', true, 'rejected'],
  [400, undefined, false, 'rejected'],
  [404, undefined, false, 'rejected'],
  [200, 'something', true, 'rejected'],
])('status %i, error %s, tokens %s: %s', (status, error, isTokens, kind, intervalMs) => {
  expect(readPoll({ status, error, isTokens }, 5_000)).toEqual({
    kind,
    ...(intervalMs !== undefined && { intervalMs }),
  });
});
