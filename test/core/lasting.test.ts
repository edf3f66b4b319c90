import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countRepeats, isLasting, lastingDelay, mayRetry } from '../../src/core/backoff.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const policy = { attempts: 3, minDelayMs: 500, maxDelayMs: MINUTE };
const refusal = { code: 'ERR_REFRESH_UNAVAILABLE', status: 400, oauthError: 'odd' };
const at = 1_700_000_000_000;

describe('the same refusal, again and again', () => {
  test.each([
    ['nothing came before', undefined, 1],
    ['the same came before', { ...refusal, repeats: { since: 5, count: 4 } }, 5],
    ['another status came before', { ...refusal, status: 403, repeats: { since: 5, count: 4 } }, 1],
    ['another code came before', { ...refusal, oauthError: 'other', repeats: { since: 5, count: 4 } }, 1],
    ['another failure came before', { ...refusal, code: 'ERR_REFRESH_NETWORK', repeats: { since: 5, count: 4 } }, 1],
    ['an older version has not counted', refusal, 1],
    ['the clock was set back', { ...refusal, repeats: { since: at + 1, count: 4 } }, 1],
    ['a damaged record tells the count', { ...refusal, repeats: 7 as never }, 1],
  ])('is counted where %s', (_, last, count) => {
    expect(countRepeats(last, refusal, at)).toEqual({ since: count > 1 ? 5 : at, count });
  });

  test.each([
    [5, 10 * MINUTE, true],
    [4, 10 * MINUTE, false],
    [5, 10 * MINUTE - 1, false],
    [500, MINUTE, false],
  ])('%i times in %i ms: whether it lasts is %s', (count, forMs, expected) => {
    expect(isLasting({ since: at - forMs, count }, at)).toBe(expected);
    expect(isLasting(undefined, at)).toBe(false);
  });

  test.each([
    [9 * MINUTE, 0, 0],
    [10 * MINUTE, 0, 5 * MINUTE],
    [40 * MINUTE, 0, 20 * MINUTE],
    [40 * MINUTE, 1, 15 * MINUTE],
    [2 * HOUR, 0, HOUR],
    [1000 * HOUR, 0, HOUR],
  ])('after %i ms, with chance at %d, the next time is %i ms away', (forMs, random, expected) => {
    expect(lastingDelay({ since: at - forMs, count: 9 }, at, random)).toBe(expected);
  });

  test('a pause that lasts is kept as planned, and one that a clock set back makes longer is over', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10 * MINUTE, max: 1000 * HOUR }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 5, max: 1000 }),
        fc.integer({ min: 1, max: 48 * HOUR }),
        (forMs, random, count, setBackMs) => {
          const repeats = { since: at - forMs, count };
          const delayMs = Math.max(MINUTE, lastingDelay(repeats, at, random));
          expect(delayMs).toBeLessThanOrEqual(HOUR);
          const pause = { retryAt: at + delayMs, named: false, repeats };
          expect(mayRetry(pause, at, policy)).toBe(false);
          expect(mayRetry(pause, at + delayMs, policy)).toBe(true);
          expect(mayRetry(pause, at - delayMs / 2 - setBackMs, policy)).toBe(true);
        },
      ),
    );
  });
});
