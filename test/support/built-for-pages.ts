import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { subpaths } from '../../scripts/subpaths.mjs';

const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist/for-pages');
const files = new Map(
  [...subpaths()].map(([name, source]) => [
    fileURLToPath(source),
    join(dist, `${name === 'evertoken' ? 'index' : name.slice('evertoken/'.length)}.js`),
  ]),
);

/** Gives tests, where they import what users import, the files that pages load in production. */
export function builtForPages(): Plugin {
  return {
    name: 'built-for-pages',
    enforce: 'pre',
    resolveId(specifier, importer) {
      if (!importer?.startsWith(join(root, 'test')) || !specifier.startsWith('.')) return undefined;
      const file = files.get(resolve(dirname(importer), specifier.replace(/\.js$/, '.ts')));
      if (file && !existsSync(file)) throw new Error(`${file} is missing: npm run build`);
      return file;
    },
  };
}
