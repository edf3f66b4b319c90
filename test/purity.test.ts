import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const compiler = join(root, 'node_modules/typescript-native/bin/tsc');
const scratch = mkdtempSync(join(tmpdir(), 'evertoken-purity-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What the compiler says; empty when everything compiles. */
function compile(config: string): string {
  const run = spawnSync(process.execPath, [compiler, '--noEmit', '--pretty', 'false', '-p', config], {
    encoding: 'utf8',
    cwd: scratch,
  });
  return run.stdout + run.stderr;
}

/** Compiles each snippet as a file of its own, under the same rules as the real sources; says what came of each. */
function compileSnippets(config: string, snippets: readonly string[], include: readonly string[] = []): string[] {
  const folder = mkdtempSync(join(scratch, 'case-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'src'));
  for (const [index, text] of snippets.entries()) writeFileSync(join(folder, 'src', `snippet-${index}.ts`), text);
  const tsconfig = join(folder, 'tsconfig.json');
  const derived = {
    extends: join(root, 'test/purity', config),
    compilerOptions: { rootDir: '/' },
    include: [join(folder, 'src'), ...include.map((path) => join(root, 'test/purity', path))],
  };
  writeFileSync(tsconfig, JSON.stringify(derived));
  const lines = compile(tsconfig).split('\n');
  return snippets.map((_, index) => lines.find((line) => line.includes(`snippet-${index}.ts`)) ?? 'compiles');
}

describe('src/core and src/errors.ts are compiled against ES2022 and nothing else', () => {
  test('they compile', () => {
    expect(compile(join(root, 'test/purity/core.tsconfig.json'))).toBe('');
  });

  const worldly = [
    'export const timer: unknown = setTimeout(() => undefined, 1);',
    'queueMicrotask(() => undefined);',
    `export const answer: unknown = fetch('https://api.example');`,
    `console.error('hello');`,
    `export const url: unknown = new URL('https://api.example');`,
    'export const controller: unknown = new AbortController();',
    'export const bytes: unknown = crypto.getRandomValues(new Uint8Array(1));',
    'export const now: number = performance.now();',
    'export const page: unknown = document;',
    'export const environment: unknown = process.env;',
    'export type Answer = Response;',
    `import 'node:fs';`,
  ];
  const reports = compileSnippets('core.tsconfig.json', worldly);
  test.each(worldly.map((text, index) => [text, reports[index]]))('this does not compile: %s', (_, report) => {
    expect(report).toMatch(/error TS(2304|2307|2552|2580|2584|2591|2882)/);
  });

  test('jwt-decode and what ES2022 brought do compile', () => {
    const text = `import { jwtDecode } from 'jwt-decode';
      export const due = (token: string): number | undefined => jwtDecode(token).exp;
      export const last = (list: readonly string[]): string | undefined => list.at(-1);
      export const error: Error = new Error('why', { cause: Object.hasOwn({}, 'a') });`;
    expect(compileSnippets('core.tsconfig.json', [text])).toEqual(['compiles']);
  });
});

describe('core, ports and manager are compiled against what every runtime has', () => {
  test('they compile', () => {
    expect(compile(join(root, 'test/purity/portable.tsconfig.json'))).toBe('');
  });

  const notEverywhere = [
    'export const signal: unknown = AbortSignal.any([]);',
    'export const signal: unknown = AbortSignal.timeout(1);',
    'export const check = (signal: AbortSignal): void => signal.throwIfAborted();',
    `export const abort: unknown = new DOMException('gone', 'AbortError');`,
    'export const copy: unknown = structuredClone({});',
    'export const digest: unknown = crypto.subtle;',
    'export const id: string = crypto.randomUUID();',
    `export const channel: unknown = new BroadcastChannel('evertoken');`,
    'export const locks: unknown = navigator.locks;',
    `export const stored: unknown = localStorage.getItem('session');`,
    'export const hidden: unknown = document.visibilityState;',
    'export const timer: unknown = setTimeout(() => undefined, 1);',
    'export const bytes: unknown = new TextEncoder().encode();',
    `export const text: string = atob('');`,
    'reportError(undefined);',
    'export const stream: unknown = new ReadableStream();',
    'export const chunk = (answer: Response): unknown => answer.body?.getReader();',
    'export const environment: unknown = process.env;',
    'export const now: number = performance.now();',
  ];
  const reports = compileSnippets('portable.tsconfig.json', notEverywhere, ['portable.d.ts']);
  test.each(notEverywhere.map((text, index) => [text, reports[index]]))('this does not compile: %s', (_, report) => {
    expect(report).toMatch(/error TS(2304|2339|2552|2580|2584|2591|2693|18046|2571)/);
  });

  test('a signal, an answer, a listener error and a global behind a cast do compile', () => {
    const text = `import mitt from 'mitt';
      export const emitter: unknown = mitt();
      export const controller: AbortController = new AbortController();
      controller.signal.addEventListener('abort', () => console.error(controller.signal.reason), { once: true });
      export const read = async (answer: Response): Promise<unknown> => answer.json();
      export const report = (error: unknown): void =>
        (globalThis as { reportError?: (error: unknown) => void }).reportError?.(error);`;
    expect(compileSnippets('portable.tsconfig.json', [text], ['portable.d.ts'])).toEqual(['compiles']);
  });
});
