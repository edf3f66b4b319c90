import { describe, expect, test } from 'vitest';
import { allowance, FRESH_LANE, type LanePause, type LaneState, laneAfter, probing } from '../../src/core/lane.js';
import { seeded } from '../support/seeded.js';

/** What is simulated, so that a test may put something broken in its place. */
interface Parts {
  readonly laneAfter: typeof laneAfter;
  readonly allowance: typeof allowance;
  readonly probing: typeof probing;
}

const PARTS: Parts = { laneAfter, allowance, probing };
const SEEDS = 150;
const STEP_MS = 500;
const MINUTE = 60_000;
const PER_SECOND = 20;

/**
 * A lane, three processes that share its pause, and a provider that is away for ten minutes. One process feeds at a
 * time; it may die, and its requests with it; their clocks differ by seconds. Says what went wrong.
 */
function simulate(seed: number, { laneAfter, allowance, probing }: Parts): string | undefined {
  const random = seeded(seed);
  const clocks = Array.from({ length: 3 }, () => (random() - 0.5) * 4_000);
  const states: LaneState[] = clocks.map(() => FRESH_LANE);
  const flying: { readonly at: number; readonly by: number }[] = [];
  const nameMs = random() < 0.5 ? 1_000 + random() * 3_000 : 0;
  const awayFrom = MINUTE * (1 + random());
  const awayUntil = awayFrom + 10 * MINUTE;
  const endsAt = awayUntil + 12 * MINUTE;
  let shared: LanePause | undefined;
  let feeder = 0;
  let earned = 0;
  let [away, after] = [0, 0];
  for (let now = 0; now < endsAt; now += STEP_MS) {
    if (random() < 0.01) {
      for (let index = flying.length; index-- > 0; ) if (flying[index]?.by === feeder) flying.splice(index, 1);
      states[feeder] = { pause: shared, recent: [] };
      feeder = (feeder + 1) % clocks.length;
      earned = 0;
    }
    for (let next = flying[0]; next && next.at <= now; next = flying[0]) {
      flying.shift();
      const { by } = next;
      const isAway = now >= awayFrom && now < awayUntil;
      const own = now + (clocks[by] ?? 0);
      const before = { pause: shared, recent: states[by]?.recent ?? [] };
      const outcome = isAway
        ? { kind: 'unavailable' as const, retryAt: nameMs > 0 ? own + nameMs : undefined }
        : { kind: 'refreshed' as const };
      const state = laneAfter(before, outcome, own, random());
      states[by] = state;
      shared = state.pause;
    }
    const own = now + (clocks[feeder] ?? 0);
    const allowed = allowance(shared, own, PER_SECOND);
    const rate = allowed === 'none' ? 0 : allowed === 'probe' ? 1 : allowed;
    if (rate > PER_SECOND) return `allowed ${rate} a second`;
    earned = allowed === 'probe' ? 1 : Math.min(earned + (rate * STEP_MS) / 1_000, Math.max(1, rate / 2));
    for (; earned >= 1 && allowed !== 'none'; earned--) {
      if (allowed === 'probe' && shared) shared = probing(shared, own, 15_000);
      flying.push({ at: now + 250, by: feeder });
      if (now >= awayFrom && now < awayUntil) away++;
      if (now >= endsAt - 5 * MINUTE) after++;
    }
  }
  if (away > 120) return `asked ${away} times a provider that was away`;
  return after < 5 * 60 * PER_SECOND * 0.5 ? `fed only ${after} in the last five minutes` : undefined;
}

function complaints(parts: Parts): string[] {
  return Array.from({ length: SEEDS }, (_, seed) => simulate(seed, parts)).filter((one) => one !== undefined);
}

describe('a lane whose feeders die and whose clocks differ', () => {
  test('leaves a provider in peace that is away, and comes back to its rate, whatever the seed', () => {
    expect(complaints(PARTS)).toEqual([]);
  });

  test.each<[string, Partial<Parts>]>([
    ['a brake that never comes', { laneAfter: (state, outcome) => (outcome.kind === 'refreshed' ? state : state) }],
    ['a rate that is not kept', { allowance: (pause, now, rate) => allowance(pause, now, 2 * rate) }],
    ['a probe without an end', { probing: (pause, now) => probing(pause, now, 3_600_000) }],
  ])('the simulation notices %s', (_, broken) => {
    expect(complaints({ ...PARTS, ...broken }).length).toBeGreaterThan(SEEDS / 50);
  });
});
