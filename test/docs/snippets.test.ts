import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fill, pagesWithSnippets } from '../../scripts/readme.js';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = await pagesWithSnippets();

/** Files that CI compiles or runs: `npm run typecheck`, the tests, and for `site` `npm run docs:check`. */
const sources = ['examples', 'site/applications', 'site/migration'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(tsx?|mjs|json|css|html)$/.test(name) && !name.includes('node_modules'))
    .map((name) => read(join(folder, name))),
);

/** Blocks that are neither code nor a command, by the page and their first line; each has a test or is a picture. */
const texts: readonly string[] = [
  'docs/dpop.md: Access-Control-Allow-Headers: Authorization, DPoP, Content-Type', // what a server sends
  'docs/fleet.md: write of a session ──► indexed(storage, due) ──► due index: lane, moment, expiry      one entry a session, no token',
  "docs/observability.md: GET /orders              the application's own", // spans, as test/integrations/otel has them
  'docs/observability.md: # success, by job', // queries, whose names test/ops compares
  'docs/redis.md: ACL SETUSER orders on >password ~evertoken:* ~{evertoken:*}:lock &evertoken:* +eval +type +hget +hset +hmget +hdel +del +persist +pexpire +time +publish +subscribe +unsubscribe +ping +info', // test/adapters/redis-errors.test.ts runs it
];

interface Block {
  readonly language: string;
  readonly code: string;
}

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^( *)```(\w*)[^\n]*\n([\s\S]*?)^ *```$/gm)].map(([, , language = '', code = '']) => ({
    language,
    code,
  }));
}

/** Whether the code is a file, or whole lines of one. */
function isShownFrom(source: string, code: string): boolean {
  return source === code || `\n${source}`.includes(`\n${code}`);
}

test.each(pages)('%s shows no code that is not a file which CI compiles or runs, or lines of one', (page) => {
  const strange = blocksOf(read(page)).filter(({ language, code }) => {
    if (language === 'sh') return false; // the next test
    if (language === '') return !texts.includes(`${page}: ${code.split('\n')[0]}`);
    return !sources.some((source) => isShownFrom(source, code));
  });
  expect(strange).toEqual([]);
});

test.each(pages)('%s gives no command that there is not', (page) => {
  const text = read(page);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
  const lines = blocksOf(text).filter(({ language }) => language === 'sh');
  for (const line of lines.flatMap(({ code }) => code.trim().split('\n'))) {
    expect(line).toMatch(/^(npm (install( -D)? [a-z0-9@/. -]+|ci|start|test|run [a-z:]+)( -- .*)?( && )?)+( *#.*)?$/);
  }
  const named = [...text.matchAll(/npm run ([a-z:-]+)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test.each(pages)('what %s shows of a marked file is the file as it is now', async (page) => {
  const text = read(page);
  const table = (mark: string) => async () =>
    new RegExp(`<!-- ${mark} -->\\n\\n((?:\\|.*\\n)+)`).exec(text)?.[1]?.trimEnd() ?? ''; // test/readme.test.ts counts them
  const tables = { outage: table('outage'), interceptor: table('interceptor'), sizes: table('sizes') };
  expect(await fill(text, tables), 'npm run readme writes it').toBe(text);
});

test('code that was typed by hand is found', () => {
  const [block] = blocksOf('Before\n\n```ts\nconst tokens = createTokenManger();\n```\n');
  expect(sources.some((source) => isShownFrom(source, block?.code ?? ''))).toBe(false);
  expect(isShownFrom('a();\nbc();\n', 'c();\n')).toBe(false);
  expect(isShownFrom('a();\nbc();\n', 'bc();\n')).toBe(true);
});
