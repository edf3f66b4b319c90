import { describe, expect, test } from 'vitest';
import { backoffDelay, mayRetry } from '../../src/core/backoff.js';

const policy = { attempts: 3, minDelayMs: 500, maxDelayMs: 60_000 };

describe('the delay before the next attempt', () => {
  test.each([
    [1, 0, 500],
    [1, 0.5, 750],
    [1, 0.9999999, 1000],
    [2, 0.5, 1250],
    [2, 0.9999999, 2000],
    [3, 0.9999999, 4000],
    [6, 0.9999999, 32_000],
    [7, 0.9999999, 60_000],
    [7, 0.5, 30_250],
  ])('after %i failures and with chance at %d it is %i ms', (failures, random, expected) => {
    expect(backoffDelay(failures, policy, random)).toBe(expected);
  });

  test('is in whole milliseconds, rounded up', () => {
    expect(backoffDelay(1, policy, 0.0001)).toBe(501);
    expect(backoffDelay(1, { ...policy, minDelayMs: 1.5 }, 0)).toBe(2);
  });

  test('never falls to zero, also with a minimum of zero, and grows from there', () => {
    const none = { ...policy, minDelayMs: 0 };
    expect(backoffDelay(1, none, 0)).toBe(1);
    expect(backoffDelay(1, none, 0.9999999)).toBe(2);
    expect(backoffDelay(10, none, 0.9999999)).toBe(1024);
  });

  test('holds its ceiling after any number of failures', () => {
    expect(backoffDelay(5000, policy, 0.9999999)).toBe(60_000);
    expect(backoffDelay(Number.POSITIVE_INFINITY, policy, 0.9999999)).toBe(60_000);
  });

  test('is the minimum where the maximum is below it', () => {
    expect(backoffDelay(4, { ...policy, maxDelayMs: 100 }, 0.9)).toBe(500);
  });

  test('is the longest wait of a timer where the policy has no bound', () => {
    const endless = { attempts: 3, minDelayMs: 500, maxDelayMs: Number.POSITIVE_INFINITY };
    expect(backoffDelay(5000, endless, 1)).toBe(2_147_483_647);
    expect(backoffDelay(1, { ...endless, minDelayMs: Number.POSITIVE_INFINITY }, 0)).toBe(2_147_483_647);
  });

  test('takes what is no number for the least', () => {
    expect(backoffDelay(Number.NaN, policy, 0.5)).toBe(500);
    expect(backoffDelay(2, policy, Number.NaN)).toBe(500);
    expect(backoffDelay(2, policy, -1)).toBe(500);
    expect(backoffDelay(2, policy, 7)).toBe(2000);
    expect(backoffDelay(2, { ...policy, minDelayMs: Number.NaN }, 0)).toBe(1);
    expect(backoffDelay(2, { ...policy, maxDelayMs: Number.NaN }, 0.9)).toBe(500);
  });
});

describe('a pause that is longer than any delay says that the clock was set back', () => {
  const now = 1_000_000;
  const hour = 3_600_000;
  test.each([
    ['a pause of our own', { named: false }, 60_000],
    ['one that the server has named', { named: true }, hour],
    [
      'one after a refusal that came again and again',
      { named: false, repeats: { count: 5, since: now - 3 * hour } },
      hour,
    ],
  ])('%s', (_, pause, longestMs) => {
    expect(mayRetry({ ...pause, retryAt: now }, now, policy)).toBe(true);
    expect(mayRetry({ ...pause, retryAt: now + 1 }, now, policy)).toBe(false);
    expect(mayRetry({ ...pause, retryAt: now + longestMs }, now, policy)).toBe(false);
    expect(mayRetry({ ...pause, retryAt: now + longestMs + 1 }, now, policy)).toBe(true);
  });

  test('a policy with longer delays than an hour has them', () => {
    const slow = { ...policy, maxDelayMs: 2 * hour };
    expect(
      mayRetry({ named: false, repeats: { count: 5, since: now - 3 * hour }, retryAt: now + 2 * hour }, now, slow),
    ).toBe(false);
  });
});
