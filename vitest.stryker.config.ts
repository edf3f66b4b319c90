import { defineConfig } from 'vitest/config';

// Core answers to its own tests alone, the manager to its own and to the scenarios. What would take a night stays out:
// sweeps over every moment, child processes, hours of fake time.
const tests = {
  core: ['test/core/**/*.test.ts'],
  manager: ['test/manager/**/*.test.ts', 'test/scenarios/**/*.test.ts'],
};

export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 60_000,
    include: process.env.MUTATED === 'core' ? tests.core : tests.manager,
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
