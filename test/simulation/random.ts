import { seeded } from '../support/seeded.js';

/** Chance from a seed: the same numbers in the same order, on every machine. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  chance(probability: number): boolean;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** A waiting time in milliseconds, at least 1, with this mean. */
  wait(meanMs: number): number;
  pick<T>(choices: readonly T[]): T;
  /** One of the keys, as often as its weight says. */
  weigh<T extends string>(weights: Readonly<Record<T, number>>): T;
}

export function createRandom(seed: number): Random {
  const next = seeded(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 0x1_0000_0000) + 7, 0x85ebca6b));

  return {
    next,
    chance: (probability) => probability > 0 && next() < probability,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    wait: (meanMs) => 1 + Math.floor(-Math.log(1 - next()) * meanMs),
    pick: (choices) => choices[Math.floor(next() * choices.length)] as (typeof choices)[number],
    weigh: (weights) => {
      const entries = Object.entries<number>(weights);
      let rest = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      const found = entries.find(([, weight]) => {
        rest -= weight;
        return rest < 0;
      });
      return (found ?? entries[0])?.[0] as keyof typeof weights & string as never;
    },
  };
}
