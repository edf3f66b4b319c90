import { defineConfig } from 'tsup';

// One entry per subpath of package.json `exports`; test/package.test.ts compares the two.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    browser: 'src/presets/browser.ts',
    device: 'src/integrations/device.ts',
    file: 'src/adapters/file.ts',
    'indexed-db': 'src/adapters/indexed-db.ts',
    loopback: 'src/integrations/loopback.ts',
    node: 'src/presets/node.ts',
    oauth: 'src/integrations/oauth.ts',
    'react-native': 'src/presets/react-native.ts',
    redis: 'src/adapters/redis.ts',
    testing: 'src/testing.ts',
    'web-storage': 'src/presets/web-storage.ts',
  },
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  dts: true,
  sourcemap: true,
  splitting: true,
  // Deno and workers know built-in modules by their full names only
  external: [/^node:/],
  removeNodeProtocol: false,
  treeshake: false,
  clean: true,
  outDir: 'dist',
});
