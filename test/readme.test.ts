import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { outageTable } from '../bench/outage.js';
import { fill } from '../scripts/readme.js';
import { createTokenManager, isTokenError } from '../src/index.js';
import { readDeclared } from './support/declared-members.js';

const root = new URL('../', import.meta.url);
const readme = read('README.md');

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

/** The text below a heading, up to the next one. */
function section(heading: string): string {
  const [, text] = readme.split(`\n${heading}\n`);
  if (text === undefined) throw new Error(`README.md has no ${heading}`);
  return text.split(/\n##+ /)[0] ?? '';
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

/** The names in the first column, without arguments. */
function named(heading: string): string[] {
  return rows(section(heading)).map(([first]) => codes(first)[0]?.replace(/\(.*/, '') ?? '');
}

test('every code block of the README is a file under examples, which CI compiles or runs', async () => {
  const table = /(?:^\|.*\n)+/m.exec(section('### A ten-minute outage'))?.[0].trim() ?? '';
  expect(await fill(readme, async () => table), 'npm run readme writes it').toBe(readme);
  const blocks = [...readme.matchAll(/^```(\w+)\n/gm)].map(([, language]) => language);
  const marked = [...readme.matchAll(/<!-- example: \S+ -->\n\n```/g)];
  expect(blocks.filter((language) => language !== 'sh')).toHaveLength(marked.length);
});

test('the table of the outage is what npm run outage counts', { timeout: 120_000 }, async () => {
  expect(section('### A ten-minute outage'), 'npm run readme writes it').toContain(`\n${await outageTable()}\n`);
});

test('the options are those that createTokenManager takes', () => {
  let message = '';
  try {
    createTokenManager({ unheardOf: true } as never);
  } catch (error) {
    if (isTokenError(error)) ({ message } = error);
  }
  const known = /expected one of (.*?),? but/.exec(message)?.[1]?.split(', ');
  expect(named('## Options')).toEqual(known);
  expect(readDeclared('src/manager/options.ts').members('TokenManagerOptions')).toEqual(known);
});

test.each([
  ['### createFetch', 'src/integrations/fetch.ts', 'FetchOptions'],
  ['### tokenEndpoint', 'src/integrations/token-endpoint.ts', 'TokenEndpointOptions'],
])('the options below %s are those of the source', (heading, path, name) => {
  expect(named(heading)).toEqual(readDeclared(path).members(name));
});

test('the refresh function gets, the revoke function gets, and endsSession gets, what the README lists', () => {
  const [request, revocation, failure] = [...section('## Options').matchAll(/gets `\{ ([^}]+) \}`/g)].map(
    ([, list = '']) => list.split(', ').sort(),
  );
  expect(request).toEqual(readDeclared('src/ports/refresh.ts').members('RefreshRequest').sort());
  expect(revocation).toEqual(readDeclared('src/ports/refresh.ts').members('RevokeRequest').sort());
  expect(failure).toEqual(readDeclared('src/core/refusal.ts').members('RefreshFailure').sort());
});

test('the methods and the snapshot are those of TokenManager', () => {
  const declared = readDeclared('src/manager/token-manager.ts');
  const methods = [...declared.members('TokenSource'), ...declared.members('TokenManager')];
  expect(named('## TokenManager')).toEqual(methods);
  const snapshot = /The snapshot has (.*?)\.\n/s.exec(section('## TokenManager'))?.[1];
  expect(codes(snapshot).filter((code) => !code.startsWith("'"))).toEqual(declared.members('SessionSnapshot'));
});

test('the errors, their codes and their facts are those of the source', () => {
  const declared = readDeclared('src/errors.ts');
  const listed = rows(section('## Errors')).map(([name, , code]) => [codes(name)[0], codes(code)]);
  const known = declared.aliases('ErrorCode').map((name) => [name.replace('Code', ''), declared.literals(name)]);
  expect(listed).toEqual(known);
});

test('the events, their payloads and the words in them are those of the source', () => {
  const source = read('src/core/session-events.ts');
  const listed = rows(section('## Events')).map(([type, payload]) => [codes(type)[0], codes(payload)] as const);
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
