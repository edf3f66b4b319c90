import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { applyPatches } from '../build.js';
import { mutations } from './mutations.js';
import { simulate } from './simulate.js';

vi.stubGlobal('reportError', () => undefined);

/** Fewer while mutants are tested, where a test is run a thousand times. */
const SEEDS = Math.min(40, Number(process.env.SEEDS ?? 40));

test(`no promise of the fleet is broken in ${SEEDS} simulated worlds of trouble`, { timeout: 180_000 }, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { violations } = await simulate(seed);
    expect(violations, `npm run simulate:fleet -- --seed ${seed}`).toEqual([]);
  }
});

test('a seed of the fleet ends the same way every time, to the last line of its trace', {
  timeout: 60_000,
}, async () => {
  for (const seed of [5, 8, 21]) {
    const [first, second]: [string[], string[]] = [[], []];
    await simulate(seed, first);
    // as a worker does that is told its seeds: outside of any promise
    await new Promise<void>((resolve) => setImmediate(() => void simulate(seed, second).then(() => resolve())));
    expect(first.length).toBeGreaterThan(50);
    expect(second).toEqual(first);
  }
});

test.each(mutations)('the safeguard of the fleet can be taken out: $name', ({ patches }) => {
  const root = join(import.meta.dirname, '..', '..', '..');
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const own = patches.filter((patch) => patch.file === file);
    expect(applyPatches(root, file, own)).not.toEqual(applyPatches(root, file, []));
  }
});
