import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowance, FRESH_LANE, type LaneOutcome, type LaneState, laneAfter, probing } from '../../src/core/lane.js';

type Kind = LaneOutcome['kind'];
const outcomes = (kinds: readonly Kind[], from: LaneState = FRESH_LANE, now = 0): LaneState =>
  kinds.reduce((state, kind) => laneAfter(state, { kind }, now, 0.5), from);
const times = (count: number, kind: Kind): Kind[] => Array.from({ length: count }, () => kind);

describe('the brakes of a lane', () => {
  test.each<[string, Kind[], string | undefined]>([
    ['nothing', [], undefined],
    ['success', times(50, 'refreshed'), undefined],
    ['nine failures', times(9, 'unavailable'), undefined],
    ['ten failures, half of twenty', times(10, 'unavailable'), 'unavailable'],
    [
      'every other one fails',
      Array.from({ length: 20 }, (_, i) => (i % 2 ? 'unavailable' : 'refreshed')),
      'unavailable',
    ],
    ['every third one fails', Array.from({ length: 60 }, (_, i) => (i % 3 ? 'refreshed' : 'unavailable')), undefined],
    ['four wrong clients', times(4, 'config'), undefined],
    ['five wrong clients in a row', times(5, 'config'), 'config'],
    ['wrong clients between others', ['config', 'config', 'config', 'config', 'refreshed', 'config'], undefined],
    ['nineteen deaths', times(19, 'dead'), undefined],
    ['twenty deaths', times(20, 'dead'), 'deaths'],
    ['twenty deaths among forty', [...times(20, 'refreshed'), ...times(20, 'dead')], 'deaths'],
    ['one death in three', Array.from({ length: 90 }, (_, i) => (i % 3 ? 'refreshed' : 'dead')), undefined],
    ['refusals that mean something else', times(90, 'other'), undefined],
  ])('%s', (_, kinds, reason) => {
    expect(outcomes(kinds).pause?.reason).toBe(reason);
  });

  test('a pause lets nothing through, then one probe, whose success brings the rate back by doubling', () => {
    const paused = outcomes(times(10, 'unavailable'));
    const until = paused.pause?.until ?? 0;
    expect(until).toBe(5_000);
    expect(allowance(paused.pause, until - 1, 50)).toBe('none');
    expect(allowance(paused.pause, until, 50)).toBe('probe');
    const pause = paused.pause && probing(paused.pause, until, 15_000);
    expect(allowance(pause, until + 1, 50)).toBe('none');
    const resumed = laneAfter({ ...paused, pause }, { kind: 'refreshed' }, until + 100, 0.5);
    const rates = [0, 4_999, 5_000, 10_000, 25_000, 29_999, 30_000, 600_000];
    expect(rates.map((ms) => allowance(resumed.pause, until + 100 + ms, 50))).toEqual([1, 1, 2, 4, 32, 32, 50, 50]);
  });

  test('pauses double with every probe that fails, to five minutes, and the stragglers of the beginning do not count', () => {
    let state = outcomes(times(10, 'unavailable'));
    expect(outcomes(times(30, 'unavailable'), state)).toBe(state);
    const lengths: number[] = [];
    for (let round = 0; round < 9; round++) {
      const now = state.pause?.until ?? 0;
      const pause = state.pause && probing(state.pause, now, 15_000);
      state = laneAfter({ ...state, pause }, { kind: 'unavailable' }, now, 0.999);
      lengths.push(Math.round(((state.pause?.until ?? 0) - now) / 1_000));
    }
    expect(lengths).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300]);
  });

  test('a probe that any answer of the provider itself meets ends the pause', () => {
    const paused = outcomes(times(10, 'unavailable'));
    for (const kind of ['dead', 'other', 'refreshed'] as const) {
      const pause = paused.pause && probing(paused.pause, 5_000, 15_000);
      expect(laneAfter({ ...paused, pause }, { kind }, 5_100, 0.5).pause?.reason, kind).toBe('resumed');
    }
  });

  test('a moment that is further ahead than a server may name lets one probe through, and no crowd', () => {
    const pause = { until: 3_600_001, reason: 'retry-after', count: 0 } as const;
    expect(allowance(pause, 0, 50)).toBe('probe');
    expect(allowance(pause, 1, 50)).toBe('none');
  });

  test('a moment that the server named is a pause at once, and is not shortened', () => {
    const held = laneAfter(FRESH_LANE, { kind: 'unavailable', retryAt: 90_000 }, 1_000, 0.5);
    expect(held.pause).toEqual({ until: 90_000, reason: 'retry-after', count: 0 });
    expect(laneAfter(held, { kind: 'unavailable', retryAt: 20_000 }, 1_000, 0.5).pause?.until).toBe(90_000);
    expect(laneAfter(FRESH_LANE, { kind: 'unavailable', retryAt: 500 }, 1_000, 0.5).pause).toBeUndefined();
    expect(allowance(held.pause, 89_999, 50)).toBe('none');
    expect(allowance(held.pause, 90_000, 50)).toBe(1);
  });

  test('a brake does not end before the moment that the server has named', () => {
    const named = laneAfter(FRESH_LANE, { kind: 'unavailable', retryAt: 90_000 }, 1_000, 0.5);
    expect(outcomes(times(9, 'unavailable'), named, 2_000).pause).toMatchObject({
      until: 90_000,
      reason: 'unavailable',
    });
    expect(outcomes(times(9, 'unavailable'), named, 89_000).pause?.until).toBeGreaterThan(90_000);
  });

  test('a success of what was under way ends a brake, but not before the moment that the server has named', () => {
    const braked = outcomes(times(10, 'unavailable'));
    expect(laneAfter(braked, { kind: 'refreshed' }, 100, 0.5).pause?.reason).toBe('resumed');
    for (const retryAt of [3_000, 90_000]) {
      const named = laneAfter(braked, { kind: 'unavailable', retryAt }, 100, 0.5);
      const after = laneAfter(named, { kind: 'refreshed' }, 200, 0.5);
      expect(allowance(after.pause, Math.min(retryAt, 5_000) - 1, 50), String(retryAt)).toBe('none');
      expect(allowance(after.pause, retryAt + 10_000, 50), 'and then there is nothing to probe').toBeGreaterThan(0);
    }
    const last = laneAfter(outcomes(times(9, 'unavailable')), { kind: 'unavailable', retryAt: 90_000 }, 100, 0.5);
    expect(allowance(laneAfter(last, { kind: 'refreshed' }, 200, 0.5).pause, 89_999, 50)).toBe('none');
  });

  test('failures with a moment count as any others: a provider that always says "in a second" is braked', () => {
    let state = FRESH_LANE;
    for (let now = 0; now < 20_000; now += 2_000) {
      state = laneAfter(state, { kind: 'unavailable', retryAt: now + 1_000 }, now, 0.5);
    }
    expect(state.pause?.reason).toBe('unavailable');
    const longer = laneAfter(state, { kind: 'unavailable', retryAt: 99_000 }, 19_000, 0.5);
    expect(longer.pause, 'a straggler with a later moment').toEqual({
      until: 99_000,
      reason: 'unavailable',
      count: 0,
      isNamed: true,
    });
    const pause = longer.pause && probing(longer.pause, 99_000, 15_000);
    const failed = laneAfter({ ...longer, pause }, { kind: 'unavailable', retryAt: 100_000 }, 99_000, 0.999);
    expect(failed.pause).toMatchObject({ reason: 'unavailable', count: 1, until: 108_995 });
  });

  test('a pause that the server named is over with the first success after it, and the rate grows on from there', () => {
    const held = laneAfter(FRESH_LANE, { kind: 'unavailable', retryAt: 90_000 }, 1_000, 0.5);
    expect(laneAfter(held, { kind: 'refreshed' }, 2_000, 0.5).pause, 'one that was under way').toBe(held.pause);
    const over = laneAfter(held, { kind: 'refreshed' }, 91_000, 0.5);
    expect(over.pause).toEqual({ until: 90_000, reason: 'resumed', count: 0 });
    expect(allowance(over.pause, 95_000, 50)).toBe(2);
  });

  test('a clock that was set back, or that of another process ahead of ours, holds up no lane for longer than its brake', () => {
    const paused = outcomes(times(10, 'unavailable'), FRESH_LANE, 3_600_000);
    expect(allowance(paused.pause, 1_000, 50)).toBe('probe');
    const resumed = laneAfter(
      { ...paused, pause: paused.pause && probing(paused.pause, 0, 1) },
      { kind: 'refreshed' },
      3_600_000,
      0.5,
    );
    expect(allowance(resumed.pause, 1_000, 50)).toBe(50);
    const named = laneAfter(FRESH_LANE, { kind: 'unavailable', retryAt: 3_600_000 }, 0, 0.5);
    expect(allowance(named.pause, 1, 50)).toBe('none');
  });

  test('a lane that is held for deaths waits for a person, whatever comes', () => {
    const held = outcomes(times(20, 'dead'));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<Kind>('refreshed', 'unavailable', 'config', 'dead', 'other')),
        fc.integer({ min: 0, max: 1e13 }),
        (kinds, now) => {
          expect(outcomes(kinds, held, now)).toBe(held);
          expect(allowance(held.pause, now, 50)).toBe('none');
        },
      ),
    );
  });

  test('never allows more than the rate, and never nothing for ever, whatever the outcomes', () => {
    const outcome = fc.record({
      kind: fc.constantFrom<Kind>('refreshed', 'unavailable', 'config', 'other'),
      retryAt: fc.option(fc.integer({ min: 0, max: 3_600_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(outcome, { maxLength: 60 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, random) => {
          let now = 0;
          let state = FRESH_LANE;
          for (const one of given) {
            now += 100;
            state = laneAfter(state, one, now, random);
            const allowed = allowance(state.pause, now, 7);
            if (typeof allowed === 'number') expect(allowed).toBeLessThanOrEqual(7);
            expect(state.recent.length).toBeLessThanOrEqual(40);
          }
          expect(allowance(state.pause, now + 3_600_000, 7)).not.toBe('none');
        },
      ),
    );
  });
});
