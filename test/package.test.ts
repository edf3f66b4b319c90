import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import config from '../tsup.config.js';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { './package.json': own, ...subpaths } = manifest.exports as Record<string, unknown>;
const entries = (config as { entry: Record<string, string> }).entry;

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

  test.each(Object.entries(subpaths))('%s has types beside each of its two formats', (subpath, conditions) => {
    const file = `./dist/${entryOf(subpath)}`;
    expect(conditions).toEqual({
      import: { types: `${file}.d.ts`, default: `${file}.js` },
      require: { types: `${file}.d.cts`, default: `${file}.cjs` },
    });
  });

  test('tools that do not read exports find the same root, and package.json can be imported', () => {
    expect([manifest.main, manifest.module, manifest.types]).toEqual([
      './dist/index.cjs',
      './dist/index.js',
      './dist/index.d.ts',
    ]);
    expect(own).toBe('./package.json');
  });
});

test('only three small libraries come along', () => {
  expect(Object.keys(manifest.dependencies)).toEqual(['async-mutex', 'jwt-decode', 'mitt']);
});

test('every version of a dependency is exact, so that two installs build the same package', () => {
  const versions: string[] = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter((version) => !/^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
