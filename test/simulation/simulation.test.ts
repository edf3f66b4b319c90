import { expect, test, vi } from 'vitest';
import { simulate } from './simulate.js';

// what rude listeners throw is part of the play
vi.stubGlobal('reportError', () => undefined);

const SEEDS = 200;

test(`no promise is broken in ${SEEDS} simulated half hours of trouble`, { timeout: 180_000 }, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { violations } = await simulate(seed);
    expect(violations, `npm run simulate -- --seed ${seed}`).toEqual([]);
  }
});

test('a seed ends the same way every time, to the last line of its trace', { timeout: 60_000 }, async () => {
  for (const seed of [1, 12, 23]) {
    const [first, second]: [string[], string[]] = [[], []];
    await simulate(seed, first);
    await simulate(seed, second);
    expect(first.length).toBeGreaterThan(50);
    expect(second).toEqual(first);
  }
});

test('a seed lasts at least half an hour, and most have faults', async () => {
  const outcomes = [];
  for (let seed = 0; seed < 8; seed++) outcomes.push(await simulate(seed));
  for (const { simulatedMs } of outcomes) expect(simulatedMs).toBeGreaterThanOrEqual(1_800_000);
  expect(outcomes.filter(({ faults }) => faults.size > 0).length).toBeGreaterThan(4);
});
