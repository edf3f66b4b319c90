import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { defineConfig } from 'tsup';

// One entry per subpath of package.json `exports`; test/package.test.ts compares the two.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    browser: 'src/presets/browser.ts',
    file: 'src/adapters/file.ts',
    'indexed-db': 'src/adapters/indexed-db.ts',
    node: 'src/presets/node.ts',
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
  // a stack trace needs names and lines only; with the sources in them the maps were most of the package
  esbuildOptions: (options) => {
    options.sourcesContent = false;
  },
  onSuccess: () => nameSourcesRelatively('dist'),
});

/** The maps of CommonJS files name the file itself by its path on the machine that built it. */
async function nameSourcesRelatively(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.map')) continue;
    const map = JSON.parse(await readFile(join(folder, name), 'utf8')) as { sources: string[] };
    map.sources = map.sources.map((source) => (isAbsolute(source) ? basename(source) : source));
    await writeFile(join(folder, name), JSON.stringify(map));
  }
}
