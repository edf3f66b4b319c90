import { defineConfig } from 'vitest/config';

// Core answers to its own tests alone, the parts of the manager to theirs, and the manager as a whole to the scenarios
// as well. What would take a night stays out: sweeps over every moment, child processes, hours of fake time.
const tests: Record<string, string[]> = {
  core: ['test/core/**/*.test.ts'],
  parts: ['test/manager/**/*.test.ts'],
  manager: ['test/manager/**/*.test.ts', 'test/scenarios/**/*.test.ts'],
};

export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 60_000,
    include: tests[process.env.MUTATED ?? 'manager'] ?? [],
    exclude: [
      'test/core/refusal.property.test.ts',
      'test/scenarios/credentials-file.test.ts',
      'test/scenarios/eight-processes.test.ts',
      'test/scenarios/expiry.test.ts',
      'test/scenarios/leaving-in-mid-refresh.test.ts',
      'test/scenarios/no-side-effects.test.ts',
      'test/scenarios/one-session-never-another.test.ts',
      'test/scenarios/secrets.test.ts',
      'test/scenarios/sign-out-wins.test.ts',
    ],
    setupFiles: ['test/support/setup.ts'],
  },
});
