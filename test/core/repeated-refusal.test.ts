import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countRefusal, isStubborn, type Repetition, refusalDelay } from '../../src/core/repeated-refusal.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = 1_800_000_000_000;
const refusal = { code: 'ERR_REFRESH_UNAVAILABLE', status: 400, oauthError: 'odd' };

/** Asks about one refusal that never changes for so long; the moments of the requests. */
function requests(lastsMs: number, random: () => number, shortestMs = MINUTE): number[] {
  const moments: number[] = [];
  let before: (typeof refusal & Repetition) | undefined;
  for (let now = START; now < START + lastsMs; ) {
    moments.push(now);
    before = { ...refusal, ...countRefusal(before, refusal, now) };
    now += refusalDelay(before, shortestMs, now, random());
  }
  return moments;
}

describe('the same refusal is counted', () => {
  test('from the first one on, and dated by it', () => {
    const first = countRefusal(undefined, refusal, START);
    expect(first).toEqual({ times: 1, sinceAt: START });
    const second = countRefusal({ ...refusal, ...first }, refusal, START + 5);
    expect(second).toEqual({ times: 2, sinceAt: START });
    expect(countRefusal({ ...refusal, ...second }, refusal, START + 9)).toEqual({ times: 3, sinceAt: START });
  });

  test.each([
    ['another status', { status: 401 }],
    ['no status', { status: undefined }],
    ['another code of the server', { oauthError: 'other' }],
    ['none', { oauthError: undefined }],
    ['another kind of failure', { code: 'ERR_REFRESH_NETWORK' }],
  ])('%s begins anew', (_, other) => {
    const before = { ...refusal, times: 7, sinceAt: START };
    expect(countRefusal(before, { ...refusal, ...other }, START + 5)).toEqual({ times: 1, sinceAt: START + 5 });
  });

  test('a failure that an older version has stored counts as one', () => {
    expect(countRefusal({ ...refusal, times: undefined }, refusal, START)).toEqual({ times: 2, sinceAt: START });
  });

  test('a clock that was set back does not date it into the future', () => {
    const before = { ...refusal, times: 2, sinceAt: START };
    expect(countRefusal(before, refusal, START - HOUR)).toEqual({ times: 3, sinceAt: START - HOUR });
  });
});

describe('five times over ten minutes is stubborn', () => {
  test.each([
    [5, 10 * MINUTE, true],
    [4, 10 * MINUTE, false],
    [5, 10 * MINUTE - 1, false],
    [500, MINUTE, false],
    [5, -HOUR, false],
  ])('%i times over %i ms: %s', (times, ageMs, expected) => {
    expect(isStubborn({ times, sinceAt: START }, START + ageMs)).toBe(expected);
  });

  test('a failure without a count never is', () => {
    expect(isStubborn({}, START)).toBe(false);
  });
});

describe('the pause grows towards an hour', () => {
  test('at the highest chance it doubles, at the lowest it grows by half', () => {
    const pauses = (random: number) => {
      const moments = requests(24 * HOUR, () => random);
      return moments.slice(1).map((moment, i) => Math.round((moment - (moments[i] ?? 0)) / MINUTE));
    };
    expect(pauses(0.9999999).slice(8, 16)).toEqual([1, 1, 10, 20, 40, 60, 60, 60]);
    expect(pauses(0).slice(8, 18)).toEqual([1, 1, 5, 8, 11, 17, 25, 38, 57, 60]);
  });

  test('a refusal that nobody can tell is asked about fewer than 60 times a day, where it was 1 440', () => {
    expect(requests(24 * HOUR, () => 0).length).toBeLessThan(60);
    expect(requests(24 * HOUR, () => 0.9999999).length).toBeLessThan(60);
  });

  test('it is never below the pause that there was, nor above an hour, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: -10 * HOUR, max: 1000 * HOUR }),
        fc.integer({ min: 1, max: HOUR }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (times, ageMs, shortestMs, random) => {
          const delay = refusalDelay({ times, sinceAt: START }, shortestMs, START + ageMs, random);
          expect(delay).toBeGreaterThanOrEqual(shortestMs);
          expect(delay).toBeLessThanOrEqual(HOUR);
          expect(Number.isInteger(delay)).toBe(true);
        },
      ),
    );
  });

  test('clients that met the refusal together spread out', () => {
    const delays = [0, 0.25, 0.5, 0.75].map((random) =>
      refusalDelay({ times: 9, sinceAt: START }, MINUTE, START + 20 * MINUTE, random),
    );
    expect(delays).toEqual([10, 12.5, 15, 17.5].map((minutes) => minutes * MINUTE));
  });
});
