// Bundles the package with Metro, through its exports as an app would, and runs the bundle on Hermes.
//  - hermes-engine-cli 0.12: the only Hermes VM on npm, of 2022; takes what Metro makes for old engines.
//  - hermes-compiler: the compiler of React Native 0.88; takes today's syntax. There is no VM of it on npm.
//  - HERMES=/path/to/hermes: any other VM, such as one built from source; runs the compiler's bytecode.
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Metro from 'metro';
import { getDefaultConfig, mergeConfig } from 'metro-config';

const require = createRequire(import.meta.url);
const modules = join(dirname(fileURLToPath(import.meta.url)), 'node_modules');
const app = process.argv[2];

writeFileSync(
  join(app, 'babel.config.cjs'),
  `module.exports = { presets: [[${JSON.stringify(require.resolve('@react-native/babel-preset'))}, { disableStaticViewConfigsCodegen: true }]] };`,
);
const config = mergeConfig(await getDefaultConfig(app), {
  projectRoot: app,
  watchFolders: [app, modules, process.argv[3]], // also the project's own folder, or Metro does not see its files
  cacheStores: [],
  reporter: { update() {} },
  transformer: { babelTransformerPath: require.resolve('@react-native/metro-babel-transformer') },
  resolver: {
    unstable_enablePackageExports: true,
    unstable_conditionNames: ['require', 'react-native'],
    useWatchman: false,
    nodeModulesPaths: [modules],
  },
});

async function bundle(profile) {
  const out = join(app, `out-${profile}`);
  const entry = 'hermes-entry.js';
  await Metro.runBuild(config, {
    entry,
    platform: 'android',
    dev: false,
    minify: false,
    out,
    unstable_transformProfile: profile,
  });
  return `${out}.js`;
}

function run(name, binary, args) {
  const { stdout, stderr } = spawnSync(binary, args, { encoding: 'utf8', timeout: 30_000 });
  const line = stdout.trim().split('\n').at(-1) ?? '';
  console.log(
    JSON.stringify({
      name,
      report: line.startsWith('{') ? JSON.parse(line) : undefined,
      error: line.startsWith('{') ? undefined : (stdout + stderr).slice(0, 2_000),
    }),
  );
}

const forOldEngines = await bundle('default');
const forToday = await bundle('hermes-stable');
run('Hermes 0.12', join(dirname(require.resolve('hermes-engine-cli/package.json')), 'linux64-bin/hermes'), [
  forOldEngines,
]);
const compiler = join(dirname(require.resolve('hermes-compiler/package.json')), 'hermesc/linux64-bin/hermesc');
const bytecode = join(app, 'out.hbc');
execFileSync(compiler, ['-w', '-emit-binary', '-out', bytecode, forToday], { stdio: ['ignore', 'inherit', 'ignore'] });
console.log(JSON.stringify({ name: 'Hermes compiler (React Native 0.88)', report: { compiles: true } }));
if (process.env.HERMES) run(process.env.HERMES, process.env.HERMES, ['-b', bytecode]);
process.exit();
