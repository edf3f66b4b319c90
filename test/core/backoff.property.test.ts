import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffDelay } from '../../src/core/backoff.js';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const policy = fc
  .tuple(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 0, max: 10_000_000 }))
  .map(([minDelayMs, more]) => ({ attempts: 3, minDelayMs, maxDelayMs: minDelayMs + more }));

test('the delay lies between the minimum and the exponential ceiling', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), policy, random, (failures, limits, chance) => {
      const delay = backoffDelay(failures, limits, chance);
      expect(delay).toBeGreaterThanOrEqual(limits.minDelayMs);
      expect(delay).toBeLessThanOrEqual(Math.min(limits.maxDelayMs, limits.minDelayMs * 2 ** failures));
    }),
  );
});

test('more failures never make a shorter delay at the same chance', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), policy, random, (failures, limits, chance) => {
      expect(backoffDelay(failures + 1, limits, chance)).toBeGreaterThanOrEqual(backoffDelay(failures, limits, chance));
    }),
  );
});

test('whatever comes in, a whole finite number of at least one millisecond comes out', () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.double(), fc.double(), (failures, minDelayMs, maxDelayMs, chance) => {
      const delay = backoffDelay(failures, { attempts: 1, minDelayMs, maxDelayMs }, chance);
      expect(Number.isInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(1);
      expect(delay).toBeLessThanOrEqual(2 ** 31 - 1);
    }),
  );
});

test('the delays of many clients spread evenly over the whole range', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), (failures) => {
      const limits = { attempts: 3, minDelayMs: 500, maxDelayMs: 60_000 };
      const span = 500 * 2 ** failures - 500;
      const quarters = [0, 0, 0, 0];
      for (let i = 0; i < 1000; i++) {
        const quarter = Math.floor(((backoffDelay(failures, limits, i / 1000) - 500.5) / span) * 4);
        quarters[Math.min(3, Math.max(0, quarter))] = (quarters[Math.min(3, Math.max(0, quarter))] ?? 0) + 1;
      }
      for (const count of quarters) expect(Math.abs(count - 250)).toBeLessThanOrEqual(3);
    }),
  );
});
