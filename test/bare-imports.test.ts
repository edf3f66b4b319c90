import { SourceMap } from 'node:module';
import { type BuildResult, build, type OutputFile } from 'esbuild';
import { expect, test } from 'vitest';
import { hasBareImport, withoutBareImports } from '../scripts/bare-imports.mjs';
import config from '../tsup.config.js';

const SOURCES: Readonly<Record<string, string>> = {
  one: `import { middle } from 'middle';\nexport function first(): string {\n  return middle();\n}`,
  two: `export { middle } from 'middle';\nexport { deep } from 'deep';`,
  three: `export { deep } from 'deep';`,
  middle: `import { deep } from 'deep';\nexport const middle = () => deep + 1;`,
  deep: `export const deep = 'deep';`,
};

/** Three entries with shared chunks, of which the first needs one only by another. */
async function built(): Promise<{ code: string; map: string }> {
  const { outputFiles }: BuildResult<{ write: false }> & { outputFiles: OutputFile[] } = await build({
    entryPoints: ['one', 'two', 'three'],
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: 'out',
    sourcemap: true,
    write: false,
    plugins: [
      {
        name: 'sources',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /.*/ }, ({ path }) => ({ path, namespace: 'sources' }));
          onLoad({ filter: /.*/ }, ({ path }) => ({ contents: SOURCES[path] ?? '', loader: 'ts' }));
        },
      },
    ],
  });
  const text = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? expect.fail(end);
  return { code: text('one.js'), map: text('one.js.map') };
}

/** Where the source map says that a line of the code comes from. */
function originOf(code: string, map: string, wanted: string): [source: string | undefined, line: number | undefined] {
  const line = code.split('\n').findIndex((text) => text.includes(wanted));
  const { originalSource, originalLine } = new SourceMap(JSON.parse(map)).findEntry(line, 0) as {
    originalSource?: string;
    originalLine?: number;
  };
  return [originalSource, originalLine];
}

test('an import that takes nothing is taken out, the others stay, and the source map still tells where a line is from', async () => {
  const { code, map } = await built();
  expect(hasBareImport(code)).toBe(true);
  const info = { path: 'one.js', map };
  const after = withoutBareImports().renderChunk(code, info);
  expect(hasBareImport(after.code)).toBe(false);
  expect(after.code.match(/^} from "\.\/chunk-/gm)).toEqual(code.match(/^} from "\.\/chunk-/gm));
  expect(originOf(code, map, 'function first')).toEqual(['sources:one', 1]);
  expect(originOf(after.code, info.map, 'function first')).toEqual(['sources:one', 1]);
});

test('an import of anything but a chunk of our own stays', () => {
  const code =
    'import "mitt";\nimport "./polyfill.js";\nimport { a } from "./chunk-ABCD1234.js";\nimport("./chunk-ABCD1234.js");\n';
  expect(hasBareImport(code)).toBe(false);
  expect(withoutBareImports().renderChunk(code, { path: 'one.js', map: undefined })).toEqual({ code });
});

test.each([
  'import "./chunk-ABCD1234.js";',
  `"use strict";require('./chunk-ABCD1234.cjs');`,
  `var a = require('./chunk-X.cjs');\nrequire('./chunk-ABCD1234.cjs');`,
])('one that is left is found, in either format: %s', (code) => {
  expect(hasBareImport(code)).toBe(true);
});

test('every build goes without them', () => {
  const builds = config as { plugins: { name: string }[] }[];
  expect(builds.map(({ plugins }) => plugins.map(({ name }) => name))).toEqual(
    builds.map(() => ['without-bare-imports']),
  );
});
