import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { interceptorTable } from '../bench/interceptor.js';
import { outageTable } from '../bench/outage.js';
import { fill, sizesTable } from '../scripts/readme.js';
import { createTokenManager, isTokenError } from '../src/index.js';
import { readDeclared } from './support/declared-members.js';

const root = new URL('../', import.meta.url);
const readme = read('README.md');
const reference = {
  options: read('docs/options.md'),
  manager: read('docs/token-manager.md'),
  errors: read('docs/errors.md'),
  events: read('docs/events.md'),
};

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

/** The cells of the rows of the first table in a text, without its heads. */
function rows(text: string): string[][] {
  const table = /(?:^\|.*\n)+/m.exec(text)?.[0] ?? '';
  const lines = table.trim().split('\n').slice(2);
  return lines.map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What is set as code in a text. */
function codes(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** The names in the first column of the first table, without arguments. */
function named(page: string): string[] {
  return rows(page).map(([first]) => codes(first)[0]?.replace(/\(.*/, '') ?? '');
}

/** The table below the mark of that name. */
function marked(page: string, mark: string): string {
  return new RegExp(`<!-- ${mark} -->\\n\\n((?:\\|.*\\n)+)`).exec(page)?.[1]?.trimEnd() ?? '';
}

test('every code block of the README is a file under examples, which CI compiles or runs', async () => {
  const tables = {
    outage: async () => '',
    interceptor: async () => marked(readme, 'interceptor'),
    sizes: async () => marked(readme, 'sizes'),
  };
  expect(await fill(readme, tables), 'npm run readme writes it').toBe(readme);
  const blocks = [...readme.matchAll(/^```(\w+)\n/gm)].map(([, language]) => language);
  const marks = [...readme.matchAll(/<!-- example: \S+ -->\n\n```/g)];
  expect(blocks.filter((language) => language !== 'sh')).toHaveLength(marks.length);
});

test('the table of the outage is what npm run outage counts', { timeout: 120_000 }, async () => {
  const page = read('docs/what-happens/server-down.md');
  expect(marked(page, 'outage'), 'npm run readme writes it').toBe(await outageTable());
});

test('the table beside an interceptor is what the playground counts', { timeout: 120_000 }, async () => {
  expect(marked(readme, 'interceptor'), 'npm run readme writes it').toBe(await interceptorTable());
});

test('the sizes are those that npm run size guards', async () => {
  expect(marked(readme, 'sizes'), 'npm run readme writes it').toBe(await sizesTable());
});

test('a newcomer reads it in three minutes', () => {
  const prose = readme
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/^\|.*$/gm, '')
    .replace(/\]\([^)]*\)/g, ']');
  expect(prose.split(/\s+/).length).toBeLessThanOrEqual(900);
  expect(readme.split('\n').length).toBeLessThanOrEqual(200);
});

test('each subpath of the package is in a table of the README', () => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> };
  const subpaths = Object.keys(exports).filter((path) => !path.endsWith('.json'));
  const lost = subpaths.map((path) => path.replace('.', 'evertoken')).filter((path) => !readme.includes(`\`${path}\``));
  expect(lost).toEqual([]);
});

test('the options are those that createTokenManager takes', () => {
  let message = '';
  try {
    createTokenManager({ unheardOf: true } as never);
  } catch (error) {
    if (isTokenError(error)) ({ message } = error);
  }
  const known = /expected one of (.*?),? but/.exec(message)?.[1]?.split(', ');
  expect(named(reference.options)).toEqual(known);
  expect(readDeclared('src/manager/options.ts').members('TokenManagerOptions')).toEqual(known);
});

test.each([
  ['docs/create-fetch.md', 'src/integrations/fetch.ts', 'FetchOptions'],
  ['docs/token-endpoint.md', 'src/integrations/token-endpoint.ts', 'TokenEndpointOptions'],
])('the options in %s are those of the source', (page, path, name) => {
  expect(named(read(page))).toEqual(readDeclared(path).members(name));
});

test('the refresh function gets, the revoke function gets, and endsSession gets, what the page of options lists', () => {
  const [request, revocation, failure] = [...reference.options.matchAll(/gets `\{ ([^}]+) \}`/g)].map(([, list = '']) =>
    list.split(', ').sort(),
  );
  expect(request).toEqual(readDeclared('src/ports/refresh.ts').members('RefreshRequest').sort());
  expect(revocation).toEqual(readDeclared('src/ports/refresh.ts').members('RevokeRequest').sort());
  expect(failure).toEqual(readDeclared('src/core/refusal.ts').members('RefreshFailure').sort());
});

test('the methods and the snapshot are those of TokenManager', () => {
  const declared = readDeclared('src/manager/token-manager.ts');
  const methods = [...declared.members('TokenSource'), ...declared.members('TokenManager')];
  expect(named(reference.manager)).toEqual(methods);
  const snapshot = /The snapshot has (.*?)\.\n/s.exec(reference.manager)?.[1];
  expect(codes(snapshot).filter((code) => !code.startsWith("'"))).toEqual(declared.members('SessionSnapshot'));
});

test('the errors, their codes and their facts are those of the source', () => {
  const declared = readDeclared('src/errors.ts');
  const listed = rows(reference.errors).map(([name, , code]) => [codes(name)[0], codes(code)]);
  const known = declared.aliases('ErrorCode').map((name) => [name.replace('Code', ''), declared.literals(name)]);
  expect(listed).toEqual(known);
});

test('the events, their payloads and the words in them are those of the source', () => {
  const source = read('src/core/session-events.ts');
  const listed = rows(reference.events).map(([type, payload]) => [codes(type)[0], codes(payload)] as const);
  const payloads = Object.entries(readDeclared('src/core/session-events.ts').payloads('TokenEvents'));
  const fields = listed.map(([type, all]) => [
    type,
    all.filter((code) => /^\w+$/.test(code) && code !== 'createFetch'),
  ]);
  expect(fields).toEqual(payloads);
  for (const word of listed.flatMap(([, all]) => all.filter((code) => code.startsWith("'")))) {
    expect(source).toContain(word);
  }
});

test('every claim names a test that exists', () => {
  const claims = [...readme.matchAll(/^\d\. \*\*.*?(?=^\d\. |^$)/gms)].map(([claim]) => claim);
  expect(claims).toHaveLength(5);
  for (const claim of claims) {
    const [, title = '', path = ''] = /\[([^\]]+)\]\(https:\S+?\/main\/(test\/[^)]+)\)/.exec(claim) ?? [];
    expect(read(path), claim).toContain(title);
  }
});

test('every link leads somewhere, and every command exists', () => {
  const anchors = [...readme.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'));
  for (const [, target = ''] of readme.matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith('#')) expect(anchors).toContain(target.slice(1));
    else expect(existsSync(new URL(target.replace(/^https:\S+?\/main\//, ''), root)), target).toBe(true);
  }
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const [, name = ''] of readme.matchAll(/npm (?:run )?(?!ci|install)([a-z:]+)/g)) {
    expect(Object.keys(scripts)).toContain(name);
  }
});
