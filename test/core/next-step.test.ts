import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RetryPolicy } from '../../src/core/backoff.js';
import { type AttemptResult, type NextStep, nextStep } from '../../src/core/next-step.js';
import type { RefreshReason } from '../../src/core/session-events.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const NOW = 1_000_000;
const policy: RetryPolicy = { attempts: 3, minDelayMs: 500, maxDelayMs: 60_000 };
const stop: NextStep = { step: 'stop', isExpired: false };
const stopExpired: NextStep = { step: 'stop', isExpired: true };
const refreshFound: NextStep = { step: 'refresh-found' };
const retry = (delayMs: number): NextStep => ({ step: 'retry', delayMs });

/** A first attempt of three, for a caller whose token has expired; `more` says what came of it. */
function stepAfter(more: Partial<AttemptResult>): NextStep {
  const nothing = { failure: undefined, found: undefined } as const;
  return nextStep({ attempt: 1, attempts: 3, reason: 'expired', ...nothing, now: NOW, ...more }, policy);
}

const failed = (afterMs: number, isPassing = true) => ({ retryAt: NOW + afterMs, isPassing });
const expired = (retryAt?: number, named = false) =>
  recordWith({ failure: retryAt === undefined ? undefined : failureUntil(retryAt, named) }, { expiresAt: NOW });
const usable = (retryAt?: number) => ({ ...expired(retryAt), tokens: { ...expired().tokens, expiresAt: NOW + 1 } });

describe('an expired record was found instead', () => {
  test.each<[string, Partial<AttemptResult>]>([
    ['without a pause', { found: expired() }],
    ['with a pause that is over', { found: expired(NOW) }],
    ['with a pause that the server had named, and that is over', { found: expired(NOW, true) }],
    ['with a pause, by whoever asked on purpose', { found: expired(NOW + 5_000), reason: 'asked' }],
    ['with a pause longer than any: the clock was set back', { found: expired(NOW + 60_001) }],
    ['and no attempt is left', { found: expired(), attempt: 3 }],
    ['after a failure that does not pass', { found: expired(), failure: failed(100, false) }],
  ])('and is refreshed at once: %s', (_, result) => {
    expect(stepAfter(result)).toEqual(refreshFound);
  });

  test.each<[string, Partial<AttemptResult>]>([
    ['a pause', { found: expired(NOW + 1) }],
    ['a pause of the longest kind', { found: expired(NOW + 60_000) }],
    ['a pause that the server named', { found: expired(NOW + 3_600_000, true) }],
    ['a pause that the server named, also for whoever asked', { found: expired(NOW + 1, true), reason: 'asked' }],
  ])('and is refused while this lasts: %s', (_, result) => {
    expect(stepAfter(result)).toEqual(stopExpired);
  });

  test.each<RefreshReason>(['due', 'expired', 'rejected', 'resume'])(
    'only asking on purpose ends a pause: %s',
    (reason) => {
      expect(stepAfter({ found: expired(NOW + 5_000), reason })).toEqual(stopExpired);
    },
  );
});

describe('an attempt failed', () => {
  test.each([
    [1, 3],
    [2, 3],
    [1, 2],
  ])('and may pass soon: attempt %i of %i is followed by another one after the delay', (attempt, attempts) => {
    expect(stepAfter({ failure: failed(700), attempt, attempts })).toEqual(retry(700));
  });

  test.each([
    [3, 3],
    [1, 1],
    [1, 0],
    [4, 3],
  ])('with no attempt left: after attempt %i of %i it stops', (attempt, attempts) => {
    expect(stepAfter({ failure: failed(700), attempt, attempts })).toEqual(stop);
  });

  test('for good: it stops', () => {
    expect(stepAfter({ failure: failed(700, false) })).toEqual(stop);
  });

  test.each([
    [4_999, retry(4_999)],
    [5_000, retry(5_000)],
    [5_001, stop],
    [3_600_000, stop],
  ])('and the next attempt is %i ms away', (afterMs, step) => {
    expect(stepAfter({ failure: failed(afterMs) })).toEqual(step);
  });

  test('and its moment has come, or has passed while the lock was released: the delay is none', () => {
    expect(stepAfter({ failure: failed(0) })).toEqual(retry(0));
    expect(stepAfter({ failure: failed(-20) })).toEqual(retry(-20));
  });

  test('and an expired session was found meanwhile: the delay comes first', () => {
    expect(stepAfter({ failure: failed(700), found: expired() })).toEqual(retry(700));
    expect(stepAfter({ failure: failed(5_001), found: expired() })).toEqual(refreshFound);
  });
});

test('anything else stops: nothing to look at once more, or tokens that are usable', () => {
  expect(stepAfter({})).toEqual(stop);
  for (const found of [usable(), usable(NOW + 5_000)]) expect(stepAfter({ found })).toEqual(stop);
  const forever = recordWith({}, { expiresAt: undefined });
  expect(stepAfter({ found: forever })).toEqual(stop);
});

describe('whatever comes of an attempt', () => {
  const moment = fc.oneof(
    fc.integer({ min: NOW - 100_000, max: NOW + 100_000 }),
    fc.integer({ min: NOW + 4_990, max: NOW + 5_010 }),
  );
  const result: fc.Arbitrary<AttemptResult> = fc.record({
    attempt: fc.integer({ min: 1, max: 6 }),
    attempts: fc.integer({ min: 0, max: 6 }),
    reason: fc.constantFrom<RefreshReason>('due', 'expired', 'rejected', 'asked', 'resume'),
    failure: fc.option(fc.record({ retryAt: moment, isPassing: fc.boolean() }), { nil: undefined }),
    found: fc.option(
      fc
        .tuple(fc.option(moment, { nil: undefined }), fc.option(moment, { nil: undefined }), fc.boolean())
        .map(([expiresAt, retryAt, named]) =>
          recordWith({ failure: retryAt === undefined ? undefined : failureUntil(retryAt, named) }, { expiresAt }),
        ),
      { nil: undefined },
    ),
    now: fc.constant(NOW),
  });
  const check = (predicate: (given: AttemptResult, next: NextStep) => void) =>
    fc.assert(
      fc.property(result, (given) => predicate(given, nextStep(given, policy))),
      { numRuns: 2_000 },
    );

  test('it is retried only after a passing failure, within 5 s, and never beyond the attempts that are allowed', () => {
    check(({ attempt, attempts, failure }, next) => {
      const mayRetry = failure?.isPassing === true && attempt < attempts && failure.retryAt - NOW <= 5_000;
      expect(next.step === 'retry').toBe(mayRetry);
      if (next.step === 'retry') expect(NOW + next.delayMs).toBe(failure?.retryAt);
    });
  });

  test('what was found is refreshed only where it has expired', () => {
    check(({ found }, next) => {
      const hasExpired = found?.tokens.expiresAt !== undefined && found.tokens.expiresAt <= NOW;
      if (next.step === 'refresh-found') expect(hasExpired).toBe(true);
      if (next.step === 'stop') expect(next.isExpired).toBe(hasExpired);
    });
  });

  test('a pause that a server named is never cut short by what is found', () => {
    check(({ found }, next) => {
      const pause = found?.failure;
      if (!pause?.named || pause.retryAt <= NOW) return;
      expect(next.step).not.toBe('refresh-found');
    });
  });

  test('a server that always fails is asked as often as is allowed, and no more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 5_000 }), (attempts, delayMs) => {
        let attempt = 1;
        while (stepAfter({ attempt, attempts, failure: failed(delayMs) }).step === 'retry') attempt++;
        expect(attempt).toBe(attempts);
      }),
    );
  });
});
