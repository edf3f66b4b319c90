import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { sourceAliases } from './scripts/subpaths.mjs';

// Core answers to its own tests alone. The manager answers to the tests of its parts, then to those of what it promises,
// then to the simulation. What takes many seconds stays out: sweeps that are slow, child processes, Redis.
const tests: Record<string, string[]> = {
  core: ['test/core/**/*.test.ts'],
  manager: ['manager', 'regressions', 'integrations', 'promises', 'scenarios'].map(
    (name) => `test/${name}/**/*.test.ts`,
  ),
};
const tooSlow = [
  ...['subscription-refused-at-first', 'lock-grant-lost-on-the-way'].map((name) => `regressions/${name}`),
  ...['after-storage-faults', 'very-short-and-very-long-lives'].map((name) => `promises/${name}`),
  ...[
    'credentials-file',
    'eight-processes',
    'killed-holder-on-redis',
    'leaving-in-mid-refresh',
    'no-side-effects',
    'one-session-never-another',
    'redis-in-trouble',
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
    testTimeout: 60_000,
    // one start for all files of a run, of which there are thousands
    isolate: false,
    env: { SEEDS: '60' },
    include: [...(tests[mutated] ?? []), ...(mutated === 'manager' ? ['test/simulation/seeds.test.ts'] : [])],
    exclude: ['core/refusal.property', ...tooSlow].map((name) => `test/${name}.test.ts`),
    sequence: { sequencer: QuickFirst },
    setupFiles: ['test/support/setup.ts'],
  },
});
