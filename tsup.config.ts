import { defineConfig } from 'tsup';

// One entry per subpath of package.json `exports`; test/package.test.ts compares the two.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    testing: 'src/testing.ts',
  },
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  dts: true,
  sourcemap: true,
  splitting: true,
  treeshake: false,
  clean: true,
  outDir: 'dist',
});
