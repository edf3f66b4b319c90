import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import config from '../tsup.config.js';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { './package.json': own, ...subpaths } = manifest.exports as Record<string, unknown>;
const builds = config as { entry: Record<string, string>; noExternal: string[] }[];
const entries = builds[0]?.entry ?? {};

/** `./browser` is built from the entry `browser`, and `.` from `index`. */
function entryOf(subpath: string): string {
  return subpath === '.' ? 'index' : subpath.slice(2);
}

describe('package.json, the build and the sources name the same subpaths', () => {
  test('every subpath is built, and nothing else is', () => {
    expect(Object.keys(subpaths).map(entryOf).sort()).toEqual(Object.keys(entries).sort());
  });

  test.each(Object.entries(entries))('%s is built from a file of that name that exists: %s', (name, source) => {
    expect(basename(source, '.ts')).toBe(name);
    expect(existsSync(join(root, source))).toBe(true);
  });

  test('what Node loads, and what pages load in production, has the same entries as what bundlers load', () => {
    expect(builds.map(({ entry }) => entry)).toEqual([entries, entries, entries]);
  });

  test.each(Object.entries(subpaths))('%s has types beside each of its two formats', (subpath, conditions) => {
    const file = `./dist/${entryOf(subpath)}`;
    expect(conditions).toEqual({
      import: {
        types: `${file}.d.ts`,
        development: `${file}.js`,
        workerd: `${file}.js`,
        'edge-light': `${file}.js`,
        'react-native': `${file}.js`,
        node: `./dist/for-node/${entryOf(subpath)}.js`,
        browser: `./dist/for-pages/${entryOf(subpath)}.js`,
        default: `${file}.js`,
      },
      require: { types: `${file}.d.cts`, default: `${file}.cjs` },
    });
  });

  test.each(Object.entries(subpaths))('%s has short messages in pages in production, and nowhere else', (_, value) => {
    const order = Object.keys((value as { import: object }).import);
    // servers and phones bring `browser` along, too: who is looked at first, wins
    expect(order).toEqual([
      'types',
      'development',
      'workerd',
      'edge-light',
      'react-native',
      'node',
      'browser',
      'default',
    ]);
  });

  test('tools that do not read exports find the same root, and package.json can be imported', () => {
    expect([manifest.main, manifest.module, manifest.types]).toEqual([
      './dist/index.cjs',
      './dist/index.js',
      './dist/index.d.ts',
    ]);
    expect(own).toBe('./package.json');
  });

  test('tools that do not read exports find every subpath: TypeScript with node10, Metro before 0.82', () => {
    const names = Object.keys(entries).filter((name) => name !== 'index');
    expect(manifest.typesVersions).toEqual({
      '*': Object.fromEntries(names.map((name) => [name, [`./dist/${name}.d.ts`]])),
    });
    expect(manifest['react-native']).toEqual({
      [manifest.main]: manifest.module, // Metro did not know the ending .cjs
      ...Object.fromEntries(names.map((name) => [`./${name}`, `./dist/${name}.js`])),
    });
  });
});

describe('what each subpath weighs is guarded', () => {
  const guards: { path?: string; import?: unknown }[] = JSON.parse(
    readFileSync(join(root, '.size-limit.json'), 'utf8'),
  );

  test.each(Object.keys(subpaths))('%s', (subpath) => {
    const path = `dist/${entryOf(subpath)}.js`;
    // of the root what everybody uses; a subpath with all that it exports
    expect(guards.filter((guard) => guard.path === path)).toMatchObject([
      {
        import: subpath === '.' ? '{ createTokenManager, createFetch, tokenEndpoint }' : '*',
        limit: expect.stringMatching(/^\d+\.\d\d kB$/),
      },
    ]);
  });
});

test('what a page in production pays for is guarded: the root, with a platform, and with signing in', () => {
  const guards: { path?: string; import: string | object; limit: string }[] = JSON.parse(
    readFileSync(join(root, '.size-limit.json'), 'utf8'),
  );
  const pages = guards.map(({ path, import: parts }) => (path ? [path] : Object.keys(parts)));
  const inPages = pages.filter(([first]) => first?.startsWith('dist/for-pages/'));
  expect(inPages).toContainEqual(['dist/for-pages/index.js']);
  expect(inPages).toContainEqual(['index', 'browser'].map((name) => `dist/for-pages/${name}.js`));
  expect(inPages).toContainEqual(['index', 'browser', 'oauth'].map((name) => `dist/for-pages/${name}.js`));
  // never halves of two builds in one
  expect(inPages.flat().filter((path) => !path.startsWith('dist/for-pages/'))).toEqual([]);
});

test('axios costs a page in production at most 0.8 kB beyond createFetch', () => {
  const guards: { name: string; limit: string }[] = JSON.parse(readFileSync(join(root, '.size-limit.json'), 'utf8'));
  const limitOf = (end: string) => Number.parseFloat(guards.find(({ name }) => name.endsWith(end))?.limit ?? '');
  expect(limitOf('with evertoken/axios') - limitOf('with short messages')).toBeLessThanOrEqual(0.8);
});

test('debug costs a page in development at most 1.0 kB on top of the root', () => {
  const guards: { name: string; limit: string }[] = JSON.parse(readFileSync(join(root, '.size-limit.json'), 'utf8'));
  const limitOf = (end: string) => Number.parseFloat(guards.find(({ name }) => name.endsWith(end))?.limit ?? '');
  expect(limitOf('with evertoken/debug') - limitOf('with dependencies')).toBeLessThanOrEqual(1);
});

test('only three small libraries come along', () => {
  expect(Object.keys(manifest.dependencies)).toEqual(['async-mutex', 'jwt-decode', 'mitt']);
});

describe('what is built into the files for Node', () => {
  const notices = readFileSync(join(root, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
  const licences = Object.entries<string>(manifest.dependencies).map(([name, version]) => [name, version] as const);

  test('is every dependency, so that a cold start looks none of them up', () => {
    for (const { noExternal } of builds) expect(noExternal).toEqual(Object.keys(manifest.dependencies));
  });

  test.each(licences)('%s %s brings its notice along, to the letter', (name, version) => {
    const licence = readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8');
    expect(notices).toContain(`${name} ${version}\n\n${licence.replaceAll('\r\n', '\n').trim()}\n`);
    expect(manifest.files).toContain('THIRD-PARTY-NOTICES.txt');
  });
});

test('every version of a dependency is exact, so that two installs build the same package', () => {
  const versions: string[] = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter((version) => !/^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
