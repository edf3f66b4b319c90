import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { sourceAliases } from './scripts/subpaths.mjs';
import { engines } from './test/support/browsers/engines.js';
import { browserProvider } from './test/support/browsers/vitest-provider.js';
import { builtForPages } from './test/support/built-for-pages.js';

const elsewhere = [
  '**/node_modules/**',
  'test/dom/**',
  'test/browser/**',
  'test/tabs/**',
  'test/databases/**',
  'test/ops-live/**',
];

export default defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    // a guard against hangs, not a measurement: machines are busy
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    // many tests wait, for child processes say: three keep both cores of a small machine busy
    maxWorkers: Math.max(3, availableParallelism() - 1),
    coverage: {
      provider: 'v8',
      include: ['src/core/**', 'src/manager/**'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
      thresholds: { 'src/core/**': { statements: 95 }, 'src/manager/**': { statements: 95 } },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: elsewhere,
          setupFiles: ['test/support/setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'dom',
          environment: 'happy-dom',
          // happy-dom's fetch sends CORS preflights, which a strict msw setup would refuse
          environmentOptions: { happyDOM: { settings: { fetch: { disableSameOriginPolicy: true } } } },
          include: ['test/dom/**/*.test.ts'],
          setupFiles: ['test/support/setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            checker: 'node_modules/typescript-native/bin/tsc',
            tsconfig: 'tsconfig.test.json',
            include: ['test/types/**/*.test-d.ts'],
          },
        },
      },
      // what is promised, of the files that pages load in production: `npm run test:pages`, after a build
      {
        extends: true,
        plugins: [builtForPages()],
        test: {
          name: 'pages',
          environment: 'node',
          include: ['test/promises/**/*.test.ts', 'test/scenarios/**/*.test.ts'],
          setupFiles: ['test/support/setup.ts'],
          env: { MESSAGES: 'short' },
        },
      },
      // inside each browser that this machine has
      ...engines.map(({ name, launch }) => ({
        extends: true as const,
        test: {
          name,
          include: ['test/browser/**/*.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: browserProvider(name, launch),
            instances: [{ browser: name }],
          },
        },
      })),
      // hundreds of sessions at once on databases that are stopped, killed and filled: one file after the other
      {
        extends: true,
        test: {
          name: 'databases',
          environment: 'node',
          include: ['test/databases/**/*.test.ts'],
          setupFiles: ['test/support/setup.ts'],
          fileParallelism: false,
        },
      },
      // twelve kinds of trouble at a real Prometheus and Alertmanager; minutes long, so only `npm run test:ops` runs it
      {
        extends: true,
        test: { name: 'ops', include: ['test/ops-live/**/*.test.ts'], fileParallelism: false, testTimeout: 360_000 },
      },
      // several tabs of each browser, driven from here; minutes long, so only `npm run test:tabs` runs it
      {
        extends: true,
        test: { name: 'tabs', include: ['test/tabs/**/*.test.ts'], fileParallelism: false, testTimeout: 600_000 },
      },
    ],
  },
});
