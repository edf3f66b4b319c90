import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'evertoken-lint-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

// the rule in words, where a file breaks it, and the linter's name for it
const broken: [promise: string, file: string, text: string, name: string][] = [
  ['a file has at most 300 lines', 'core/long.ts', lines(301), 'style/noExcessiveLinesPerFile'],
  [
    'a function has at most 60 lines',
    'core/long-function.ts',
    `export function f(): void {\n${'  f();\n'.repeat(61)}}`,
    'complexity/noExcessiveLinesPerFunction',
  ],
  ['a file is named in kebab-case', 'core/tokenSet.ts', lines(1), 'style/useFilenamingConvention'],
  ['there is no any', 'core/any.ts', 'export const f = (x: any): unknown => x;', 'suspicious/noExplicitAny'],
  [
    'there is no non-null assertion',
    'core/non-null.ts',
    'export const f = (x: string | null): string => x!;',
    'style/noNonNullAssertion',
  ],
  ['there is no enum', 'core/enum.ts', 'export enum Color {\n  Red = 1,\n}', 'style/noEnum'],
  ['exports are named', 'core/default.ts', 'export default 1;', 'style/noDefaultExport'],
  ['names are exported one by one', 'core/all.ts', `export * from './any.js';`, 'performance/noReExportAll'],
  [
    'types are imported by `import type`',
    'core/type.ts',
    `import { type Clock } from './any.js';\n\nexport type C = Clock;`,
    'style/useImportType',
  ],
  [
    'files do not import each other',
    'core/circle.ts',
    `export { back } from './back.js';`,
    'suspicious/noImportCycles',
  ],
  ['not even by a detour', 'core/back.ts', `export { back } from './circle.js';`, 'suspicious/noImportCycles'],
];

function lines(count: number): string {
  return Array.from({ length: count }, (_, index) => `export const line${index}: number = ${index};\n`).join('');
}

function lint(): Map<string, string[]> {
  cpSync(join(root, 'biome.json'), join(scratch, 'biome.json'));
  for (const [, file, text] of broken) {
    const path = join(scratch, 'src', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const options = ['lint', '--max-diagnostics=none', '--reporter=github', '.'];
  const { stdout } = spawnSync(process.execPath, [biome, ...options], { cwd: scratch, encoding: 'utf8' });
  const found = new Map<string, string[]>();
  for (const [, rule = '', file = ''] of stdout.matchAll(/title=lint\/([\w/]+),file=([^,]+)/g)) {
    const path = file.replace(/^.*src\//, '');
    found.set(path, [...(found.get(path) ?? []), rule]);
  }
  return found;
}

const found = lint();

test.each(broken)('%s, or the linter refuses it: src/%s', (_promise, file, _text, name) => {
  expect(found.get(file)).toContain(name);
});
