import { expect, test, vi } from 'vitest';
import { simulate } from './simulate.js';

// what rude listeners throw is part of the play
vi.stubGlobal('reportError', () => undefined);

/** Fewer while mutants are tested, where a test is run a thousand times. */
const SEEDS = Number(process.env.SEEDS ?? 200);

test(`no promise is broken in ${SEEDS} simulated half hours of trouble`, { timeout: 180_000 }, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { violations } = await simulate(seed);
    expect(violations, `npm run simulate -- --seed ${seed}`).toEqual([]);
  }
});
