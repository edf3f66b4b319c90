import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Comparison, findProblems, renderComparison } from '../../bench/compare/comparison.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const comparison: Comparison = JSON.parse(read('bench/compare/results.json'));

test('docs/comparison.md is what npm run compare has written from its last results', () => {
  expect(read('docs/comparison.md')).toBe(renderComparison(comparison));
});

test('these results are of the versions that are installed, and of ours as it promises', () => {
  expect(comparison.versions).toMatchObject(JSON.parse(read('bench/compare/package.json')).dependencies);
  expect(findProblems(comparison)).toEqual([]);
});

test('a result that breaks a promise of ours is told', () => {
  const worse: Comparison = {
    ...comparison,
    twoTabs: comparison.twoTabs.map((row) => ({ ...row, reuses: 1, signOutSeen: false })),
    clocks: comparison.clocks.map((row) => ({ ...row, answered: 0 })),
    nonces: comparison.nonces.map((row) => ({ ...row, failed: 1 })),
  };
  const told = findProblems(worse).join(' ');
  for (const what of ['stay signed in', 'end the session', 'nonces', 'clock']) expect(told).toContain(what);
});
