// Which build each bundler takes, in development and in production: pages in production get codes, everybody else sentences.
import { writeFileSync } from 'node:fs';
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
    await expectTo(`Metro, in ${mode}`, 'sentences', () =>
      bundleWithMetro(`metro-${mode}`, { entry: 'which.js', dev: mode === 'development' }),
    );
  }
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
