import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { applyPatches } from './build.js';
import { mutations } from './mutations.js';
import { simulate } from './simulate.js';

// what rude listeners throw is part of the play
vi.stubGlobal('reportError', () => undefined);

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

test.each(mutations)('the safeguard can be taken out: $name', ({ patches }) => {
  const root = join(import.meta.dirname, '..', '..');
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const own = patches.filter((patch) => patch.file === file);
    expect(applyPatches(root, file, own)).not.toEqual(applyPatches(root, file, []));
  }
});
