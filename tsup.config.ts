import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { defineConfig, type Options } from 'tsup';
import { withoutBareImports } from './scripts/bare-imports.mjs';
import { shortMessages } from './scripts/short-messages.mjs';

// In Node each package costs a look-up and a file more, so they are built into what it loads. A bundler finds them by
// itself, and once for all who use them: the ES modules in `dist` import them. THIRD-PARTY-NOTICES.txt names them.
const dependencies = ['async-mutex', 'jwt-decode', 'mitt'];

// One entry per subpath of package.json `exports`; test/package.test.ts compares the two.
const shared = {
  entry: {
    index: 'src/index.ts',
    axios: 'src/integrations/axios.ts',
    browser: 'src/presets/browser.ts',
    bullmq: 'src/adapters/bullmq.ts',
    debug: 'src/integrations/debug.ts',
    device: 'src/integrations/device.ts',
    encryption: 'src/adapters/encryption.ts',
    devtools: 'src/integrations/devtools.ts',
    dpop: 'src/dpop.ts',
    file: 'src/adapters/file.ts',
    fleet: 'src/services/fleet.ts',
    'indexed-db': 'src/adapters/indexed-db.ts',
    limits: 'src/integrations/limits.ts',
    loopback: 'src/integrations/loopback.ts',
    node: 'src/presets/node.ts',
    oauth: 'src/integrations/oauth.ts',
    otel: 'src/integrations/otel.ts',
    'react-native': 'src/presets/react-native.ts',
    react: 'src/integrations/react.ts',
    redis: 'src/adapters/redis.ts',
    sql: 'src/adapters/sql.ts',
    'step-up': 'src/integrations/step-up.ts',
    testing: 'src/testing.ts',
    'web-storage': 'src/presets/web-storage.ts',
  },
  target: 'es2022',
  platform: 'neutral',
  sourcemap: true,
  splitting: true,
  // Deno and workers know built-in modules by their full names only
  external: [/^node:/],
  removeNodeProtocol: false,
  treeshake: false,
  noExternal: dependencies,
  plugins: [withoutBareImports()],
} satisfies Options;

export default defineConfig([
  {
    ...shared,
    format: ['esm', 'cjs'],
    outDir: 'dist',
    dts: true,
    clean: ['!for-node/**', '!for-pages/**'], // the other builds are at work in there
    esbuildOptions: (options, { format }) => (format === 'esm' ? leavePackagesOut : leaveSourcesOut)(options),
    onSuccess: () => nameSourcesRelatively('dist'),
  },
  {
    ...shared,
    format: 'esm',
    outDir: 'dist/for-node',
    clean: true,
    esbuildOptions: leaveSourcesOut,
  },
  // What bundlers take for pages in production: the same, with codes in place of sentences. All subpaths, so that no
  // bundle has two copies of a class.
  {
    ...shared,
    format: 'esm',
    outDir: 'dist/for-pages',
    clean: true,
    sourcemap: false, // a bundler's own map shows these files, which can be read
    esbuildPlugins: [shortMessages()],
    esbuildOptions: leavePackagesOut,
  },
]);

function leavePackagesOut(options: BuildOptions): void {
  leaveSourcesOut(options);
  options.external = dependencies;
}

/** A stack trace needs names and lines only; with the sources in them the maps were most of the package. */
function leaveSourcesOut(options: BuildOptions): void {
  options.sourcesContent = false;
}

/** The maps of CommonJS files name the file itself by its path on the machine that built it. */
async function nameSourcesRelatively(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.map')) continue;
    const map = JSON.parse(await readFile(join(folder, name), 'utf8')) as { sources: string[] };
    map.sources = map.sources.map((source) => (isAbsolute(source) ? basename(source) : source));
    await writeFile(join(folder, name), JSON.stringify(map));
  }
}
