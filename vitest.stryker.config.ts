import { defineConfig } from 'vitest/config';

// The fast tests of what is mutated; sweeps over every moment and child processes would take a night.
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/core/**/*.test.ts', 'test/manager/**/*.test.ts', 'test/scenarios/**/*.test.ts'],
    exclude: [
      'test/core/*.property.test.ts',
      'test/core/refusal.providers.test.ts',
      'test/scenarios/credentials-file.test.ts',
      'test/scenarios/eight-processes.test.ts',
      'test/scenarios/leaving-in-mid-refresh.test.ts',
      'test/scenarios/no-side-effects.test.ts',
      'test/scenarios/one-session-never-another.test.ts',
      'test/scenarios/sign-out-wins.test.ts',
    ],
    setupFiles: ['test/support/setup.ts'],
  },
});
