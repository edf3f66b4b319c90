import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { sourceAliases } from './scripts/subpaths.mjs';

// Core answers to its own tests alone. The manager answers to the tests of its parts, then to those of what it promises, then
// to what takes a second or more: sweeps, integrations, the simulation. Most lines of it are reached by most tests, and a mutant runs
// against all of them until one fails, so that one run with everything takes a minute for each mutant. TESTS says how far a run
// goes: `parts`, `promises` (by default) or `sweeps`; what survives one is worth the next:
// `TESTS=sweeps MUTATED=manager npx stryker run --mutate src/manager/alarm.ts:40-44`.
const folders = {
  parts: ['manager'],
  promises: ['manager', 'regressions', 'promises', 'scenarios'],
  sweeps: ['manager', 'regressions', 'promises', 'scenarios', 'integrations'],
};
const reach = (process.env.TESTS ?? 'promises') as keyof typeof folders;
const hasSweeps = reach === 'sweeps';
const tests: Record<string, string[]> = {
  core: ['test/core/**/*.test.ts'],
  manager: folders[reach].map((name) => `test/${name}/**/*.test.ts`),
};
const sweeps = [
  ...['a-refusal-that-lasts', 'every-refresh-has-an-end', 'one-session-in-two-tabs', 'the-last-command-wins'].map(
    (name) => `promises/${name}`,
  ),
  ...['usable-tokens-whatever-goes-wrong', 'what-keeps-a-session', 'when-a-token-expires', 'when-to-try-again'].map(
    (name) => `promises/${name}`,
  ),
  ...['async-context', 'calling-back', 'expiry', 'one-refresh', 'trying-again', 'what-ends-a-session'].map(
    (name) => `scenarios/${name}`,
  ),
];
// Child processes, Redis, and sweeps of many seconds are in none.
const tooSlow = [
  ...['subscription-refused-at-first', 'lock-grant-lost-on-the-way'].map((name) => `regressions/${name}`),
  ...['after-storage-faults', 'very-short-and-very-long-lives'].map((name) => `promises/${name}`),
  ...[
    'credentials-file',
    'eight-processes',
    'leaving-in-mid-refresh',
    'no-side-effects',
    'one-session-never-another',
    'secrets',
    'sign-out-wins',
  ].map((name) => `scenarios/${name}`),
];
const mutated = process.env.MUTATED === 'core' ? 'core' : 'manager';

/** The first failure ends the run of a mutant, so what is quick comes first. */
const order = [
  ...['core', 'manager', 'integrations', 'regressions', 'promises', 'scenarios', 'simulation'].map(
    (name) => `${name}/`,
  ),
  'promises/when-to-try-again',
  'scenarios/what-ends-a-session',
  'scenarios/trying-again',
  'promises/one-session-in-two-tabs',
  'promises/the-last-command-wins',
  'scenarios/one-refresh',
  'scenarios/expiry',
];
const place = ({ moduleId }: TestSpecification) =>
  Math.max(...order.map((name, index) => (moduleId.includes(`/test/${name}`) ? index : -1)));

class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((a, b) => place(a) - place(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

export default defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    environment: 'node',
    // a mutant that waits for ever costs this; without sweeps, no test takes a second by itself
    testTimeout: hasSweeps ? 60_000 : 15_000,
    // one start for all files of a run, of which there are thousands
    isolate: false,
    env: { SEEDS: '60' },
    include: [
      ...(tests[mutated] ?? []),
      ...(mutated === 'manager' && hasSweeps ? ['test/simulation/seeds.test.ts'] : []),
    ],
    exclude: ['core/refusal.property', ...tooSlow, ...(hasSweeps ? [] : sweeps)].map((name) => `test/${name}.test.ts`),
    sequence: { sequencer: QuickFirst },
    setupFiles: ['test/support/setup.ts'],
  },
});
