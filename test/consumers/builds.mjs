// Which build each bundler takes, in development and in production: pages in production get codes, everybody else sentences.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

/** Bundles `which.js` of the application in every way; `run` runs a file and gives what it prints. */
export async function checkBuilds({ app, check, run, bundleWithMetro }) {
  const expectTo = async (tool, wanted, bundle) =>
    check(tool, wanted === 'codes' ? 'short messages' : 'whole messages', async () => {
      const line = run(process.execPath, [await bundle()]).trim();
      if (line !== `${wanted} from one copy function`)
        throw new Error(`expected ${wanted} from one copy, got: ${line}`);
      return wanted;
    });

  for (const mode of ['production', 'development']) {
    const wanted = mode === 'production' ? 'codes' : 'sentences';
    await expectTo(`Vite, a page in ${mode}`, wanted, () => withVite(app, mode));
    await expectTo(`webpack, a page in ${mode}`, wanted, () => withWebpack(app, mode, 'web'));
    await expectTo(`webpack, Node in ${mode}`, 'sentences', () => withWebpack(app, mode, 'node'));
    await expectTo(`Rollup, a page in ${mode}`, wanted, () => withRollup(app, mode, { browser: true }));
    await expectTo(`Rollup, not for a page, in ${mode}`, 'sentences', () => withRollup(app, mode, {}));
    await expectTo(`Metro, in ${mode}`, 'sentences', () =>
      bundleWithMetro(`metro-${mode}`, { entry: 'which.js', dev: mode === 'development' }),
    );
  }
  await check('Rollup, devtools that nothing calls', 'no byte of them', () =>
    bytesOfDevtools(app, (entry) => withRollup(app, 'production', { browser: true }, entry)),
  );
  await check('Vite, its server for development', 'whole messages', () => resolvedByVite(app));
  await expectTo('esbuild, a page', 'codes', () => withEsbuild(app, 'page', {}));
  await expectTo('esbuild, a page with the condition development', 'sentences', () =>
    withEsbuild(app, 'developed', { conditions: ['module', 'development'] }),
  );
  await expectTo('esbuild, Node', 'sentences', () => withEsbuild(app, 'node', { platform: 'node' }));
  await expectTo('esbuild, as Cloudflare runs it', 'sentences', () =>
    withEsbuild(app, 'workerd', { conditions: ['workerd', 'worker', 'browser'] }),
  );
  await expectTo('esbuild, as Vercel runs it', 'sentences', () =>
    withEsbuild(app, 'edge-light', { conditions: ['edge-light', 'worker', 'browser'] }),
  );
  await expectTo('Node, import', 'sentences', () => {
    writeFileSync(join(app, 'which.mjs'), `import './which-entry.mjs';`);
    writeFileSync(join(app, 'which-entry.mjs'), require('node:fs').readFileSync(join(app, 'which.js')));
    return join(app, 'which.mjs');
  });
}

async function withVite(app, mode) {
  const { build } = await import('vite');
  process.env.NODE_ENV = mode; // what Vite goes by, whatever the mode is called
  const lib = { entry: join(app, 'which.js'), formats: ['es'], fileName: () => 'which.mjs' };
  const outDir = join(app, `vite-${mode}`);
  await build({ root: app, mode, logLevel: 'silent', configFile: false, build: { lib, outDir } });
  return join(outDir, 'which.mjs');
}

async function resolvedByVite(app) {
  const { createServer } = await import('vite');
  process.env.NODE_ENV = 'development';
  const server = await createServer({
    root: app,
    logLevel: 'silent',
    configFile: false,
    server: { middlewareMode: true, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true, include: [] },
  });
  const found = await server.environments.client.pluginContainer.resolveId('evertoken', join(app, 'which.js'));
  await server.close();
  if (!/\/evertoken\/dist\/index\.js/.test(found?.id)) throw new Error(`expected dist/index.js, got ${found?.id}`);
  return 'sentences';
}

async function withWebpack(app, mode, target) {
  const webpack = require('webpack');
  const filename = `webpack-${mode}-${target}.cjs`;
  const compiler = webpack({ mode, target, context: app, entry: './which.js', output: { path: app, filename } });
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, result) => (error ? reject(error) : resolve(result))),
  );
  if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
  return join(app, filename);
}

async function withRollup(app, mode, options, entry = 'which.js') {
  const { rollup } = await import('rollup');
  const { nodeResolve } = await import('@rollup/plugin-node-resolve');
  process.env.NODE_ENV = mode; // what the plugin goes by
  const bundle = await rollup({
    input: join(app, entry),
    plugins: [nodeResolve(options)],
    onwarn: ({ message }) => {
      throw new Error(message);
    },
  });
  const file = join(app, `rollup-${mode}-${options.browser ?? false}-${entry.replace(/\.js$/, '.mjs')}`);
  await bundle.write({ file, format: 'es' });
  await bundle.close();
  return file;
}

/** The devtools are imported, but what would show them never runs: nothing of them may be left. */
async function bytesOfDevtools(app, bundle) {
  const bytes = async (condition) => {
    const entry = `shown-if-${condition}.js`;
    writeFileSync(
      join(app, entry),
      `import { createTokenManager } from 'evertoken';
      import { showDevtools } from 'evertoken/devtools';
      export const tokens = createTokenManager({ refresh: fetch });
      if (${condition}) showDevtools(tokens);`,
    );
    const code = readFileSync(await bundle(entry), 'utf8');
    return /evertoken-devtools/.test(code) ? code.length : 0;
  };
  const [without, with_] = [await bytes(false), await bytes(true)];
  if (without !== 0 || with_ < 5_000) throw new Error(`expected 0 bytes of the devtools, got ${without} (${with_})`);
  return `a bundle of ${with_} bytes with them`;
}

async function withEsbuild(app, name, options) {
  const { build } = await import('esbuild');
  const outfile = join(app, `esbuild-${name}.mjs`);
  await build({
    entryPoints: [join(app, 'which.js')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    outfile,
    logLevel: 'error',
    ...options,
  });
  return outfile;
}
