// Installs the packed package into an empty project and uses it with every tool: `npm run test:consumers`.
// The tools have a package.json and a lock of their own here; the script of the root installs them.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBuilds } from './builds.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const modules = join(here, 'node_modules');
const require = createRequire(import.meta.url);
const app = mkdtempSync(join(tmpdir(), 'evertoken-consumers-'));
const rows = {};
let failures = 0;

function run(command, args) {
  return execFileSync(command, args, {
    cwd: app,
    encoding: 'utf8',
    timeout: 120_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function check(tool, what, use) {
  const began = performance.now();
  try {
    const detail = await use();
    rows[tool] = { what, outcome: 'works', detail: detail ?? '', ms: Math.round(performance.now() - began) };
  } catch (error) {
    failures++;
    rows[tool] = { what, outcome: 'FAILED' };
    console.error(`${tool}: ${error.stdout ?? ''}${error.stderr ?? ''}${error.stack ?? error}`);
  }
}

/** Runs a bundle and expects the one line of entry.js; gives the size of the bundle. */
function ran(file) {
  const line = run(process.execPath, [file]).trim();
  if (line !== 'works 200 1 function') throw new Error(`expected the entry to work, got: ${line}`);
  return `${(readFileSync(file).length / 1000).toFixed(0)} kB with evertoken/testing`;
}

function tsc(compiler, name, options, files) {
  const config = `tsconfig.${name}.json`;
  const compilerOptions = {
    target: 'es2022',
    strict: true,

    noEmit: true,
    skipLibCheck: false,
    types: [],
    ...options,
  };
  writeFileSync(join(app, config), JSON.stringify({ compilerOptions, files }));
  run(process.execPath, [join(modules, compiler, 'bin/tsc'), '-p', config]);
}

if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: npm run build');
const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', app], {
  cwd: root,
  encoding: 'utf8',
}).trim();
cpSync(join(here, 'app'), app, { recursive: true });
cpSync(join(app, 'types.mts'), join(app, 'types.cts')); // the same from CommonJS
writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true }');
run('npm', ['install', '--silent', '--no-audit', '--no-fund', join(app, tarball)]);

// @types/node has an error of its own under exactOptionalPropertyTypes
const dom = { exactOptionalPropertyTypes: true, lib: ['es2022', 'dom', 'dom.iterable'] };
const onNode = { lib: ['es2022'], types: ['node'], typeRoots: [join(modules, '@types')] };
for (const [compiler, version] of [
  ['typescript', 6],
  ['typescript7', 7],
]) {
  for (const module of ['node16', 'nodenext']) {
    await check(`TypeScript ${version}, ${module}`, 'ESM and CommonJS', () => {
      for (const [name, lib] of Object.entries({ dom, onNode })) {
        const pageOnly = name === 'dom' ? ['page-types.mts'] : [];
        const files = ['types.mts', 'types.cts', ...pageOnly];
        tsc(compiler, `${module}-${name}`, { module, moduleResolution: module, ...lib }, files);
      }
      return 'with DOM, and with @types/node alone';
    });
  }
  await check(`TypeScript ${version}, bundler`, 'ESM', () =>
    tsc(compiler, 'bundler', { module: 'esnext', moduleResolution: 'bundler', ...dom }, ['types.mts']),
  );
}

// TypeScript 7 has given it up
await check('TypeScript 6, node10', 'ESM', () => {
  const options = { module: 'esnext', moduleResolution: 'node10', ignoreDeprecations: '6.0', ...dom };
  tsc('typescript', 'node10', options, ['types.mts']);
});

await check('Node', 'import', () => {
  writeFileSync(join(app, 'entry.mjs'), readFileSync(join(app, 'entry.js')));
  return void ran(join(app, 'entry.mjs'));
});

await check('Vite', 'build', async () => {
  const { build } = await import('vite');
  const lib = { entry: join(app, 'entry.js'), formats: ['es'], fileName: 'vite-out' };
  await build({
    root: app,
    logLevel: 'silent',
    configFile: false,
    build: { lib, outDir: join(app, 'vite'), minify: true },
  });
  const file = ['vite-out.mjs', 'vite-out.js'].map((name) => join(app, 'vite', name)).find(existsSync);
  writeFileSync(join(app, 'vite/package.json'), '{ "type": "module" }');
  return ran(file);
});

await check('Vite, production', 'R3: no byte of the devtools without their import', async () => {
  const { build } = await import('vite');
  const bytes = async (condition) => {
    const entry = join(app, 'devtools-entry.js');
    writeFileSync(
      entry,
      `import { createTokenManager } from 'evertoken';
      export const tokens = createTokenManager({ refresh: fetch });
      if (${condition}) import('evertoken/devtools').then(({ showDevtools }) => showDevtools(tokens));`,
    );
    const lib = { entry, formats: ['es'] };
    const [{ output }] = await build({
      root: app,
      logLevel: 'silent',
      configFile: false,
      build: { lib, write: false, minify: true },
    });
    return output.filter(({ code }) => /evertoken-devtools/.test(code)).reduce((sum, { code }) => sum + code.length, 0);
  };
  const [without, with_] = [await bytes('import.meta.env.DEV'), await bytes('true')];
  if (without !== 0 || with_ < 5_000) throw new Error(`expected 0 bytes without the import, got ${without} (${with_})`);
  return `${with_} bytes with it`;
});

await check('esbuild', 'bundle for browsers', async () => {
  const { build } = await import('esbuild');
  const outfile = join(app, 'esbuild.mjs');
  await build({
    entryPoints: [join(app, 'entry.js')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    outfile,
    logLevel: 'error',
  });
  return ran(outfile);
});

await check('webpack', 'bundle for browsers', async () => {
  const webpack = require('webpack');
  const compiler = webpack({
    mode: 'production',
    context: app,
    entry: './entry.js',
    target: 'web',
    output: { path: app, filename: 'webpack.cjs' },
  });
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, result) => (error ? reject(error) : resolve(result))),
  );
  if (stats.hasErrors() || stats.hasWarnings())
    throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
  return ran(join(app, 'webpack.cjs'));
});

async function bundleWithMetro(name, { readsExports = true, entry = 'entry.js', dev = false } = {}) {
  const Metro = (await import('metro')).default;
  const { getDefaultConfig, mergeConfig } = await import('metro-config');
  writeFileSync(
    join(app, 'babel.config.js'),
    `module.exports = { presets: [[${JSON.stringify(require.resolve('@react-native/babel-preset'))}, { disableStaticViewConfigsCodegen: true }]] };`,
  );
  const config = mergeConfig(await getDefaultConfig(app), {
    projectRoot: app,
    watchFolders: [app, modules],
    cacheStores: [],
    reporter: { update() {} },
    transformer: { babelTransformerPath: require.resolve('@react-native/metro-babel-transformer') },
    resolver: {
      unstable_enablePackageExports: readsExports,
      unstable_conditionNames: ['require', 'react-native'],
      resolverMainFields: ['react-native', 'browser', 'main'], // as React Native sets them
      sourceExts: readsExports ? ['js', 'json', 'cjs'] : ['js', 'json'],
      useWatchman: false,
      nodeModulesPaths: [modules],
    },
  });
  await Metro.runBuild(config, {
    entry,
    platform: 'android',
    dev,
    minify: false,
    out: join(app, name),
  });
  return join(app, `${name}.js`);
}

await check('Metro', 'bundle for Android', async () => ran(await bundleWithMetro('metro')));
await check('Metro before 0.82', 'bundle for Android', async () =>
  ran(await bundleWithMetro('metro-without-exports', { readsExports: false })),
);
await checkBuilds({ app, check, run, bundleWithMetro });

await check('Jest', 'a test in CommonJS', () => {
  rmSync(join(app, 'babel.config.js'), { force: true });
  run(process.execPath, [
    join(modules, 'jest/bin/jest.js'),
    '--rootDir',
    app,
    '--transform',
    '{}',
    '--testMatch',
    '**/app.test.js',
    '--cache=false',
    '--watchman=false',
  ]);
});

console.table(rows);
rmSync(app, { recursive: true, force: true });
process.exit(failures > 0 ? 1 : 0);
