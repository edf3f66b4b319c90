// Writes what the README and the pages of `docs` show of other files and of runs: `npm run readme`.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { interceptorTable } from '../bench/interceptor.js';
import { outageTable } from '../bench/outage.js';

const root = new URL('../', import.meta.url);
const MARK =
  /^<!-- ((?:(example|file): (\S+))|outage|interceptor|sizes) -->\n(?:\n(?:```[\s\S]*?\n```\n|(?:\|.*\n)+))?/gm;

/** The tables that are counted or measured, and what makes each of them. */
export interface Tables {
  outage(): Promise<string>;
  interceptor(): Promise<string>;
  sizes(): Promise<string>;
}

const counted: Tables = { outage: outageTable, interceptor: interceptorTable, sizes: sizesTable };

/**
 * The text with every marked place filled: with an example (`example: ky.ts`, below `examples`), with another file
 * (`file: site/migration/….ts`), or with a table (`outage`, `interceptor`, `sizes`).
 */
export async function fill(text: string, tables: Tables = counted): Promise<string> {
  const filled = new Map<string, string>();
  for (const [place, mark = '', kind, name] of text.matchAll(MARK)) {
    const shown = kind === undefined ? await tables[mark as keyof Tables]() : await showFile(pathOf(kind, name));
    filled.set(place, `<!-- ${mark} -->\n\n${shown}\n`);
  }
  return text.replace(MARK, (place) => filled.get(place) ?? place);
}

/** The README and every page below `docs`, as paths from the root. */
export async function pagesWithSnippets(): Promise<string[]> {
  const docs = await readdir(new URL('docs/', root), { recursive: true });
  return ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
}

/** Guards of `.size-limit.json`, how the README names them, and the guard of what they go beyond. */
const SIZES: readonly (readonly [guard: RegExp, title: string, beyond?: RegExp])[] = [
  [/^createTokenManager, createFetch, tokenEndpoint/, '`createTokenManager`, `createFetch`, `tokenEndpoint`'],
  [/^in a page in production: the same with evertoken\/browser$/, '… with `evertoken/browser`, in a page'],
  [/^in a page in production: the same with evertoken\/oauth/, '… and with signing in, `evertoken/oauth`'],
  [/^evertoken\/react, beyond/, '`evertoken/react`, beyond that'],
  [
    /^in a page in production: .* with evertoken\/axios$/,
    '`evertoken/axios`, beyond that',
    /^in a page .* short messages$/,
  ],
];

/** What is guarded, up to the next half of a kilobyte, so that the table changes when a user would notice. */
export async function sizesTable(): Promise<string> {
  const guards = JSON.parse(await readFile(new URL('.size-limit.json', root), 'utf8')) as {
    readonly name: string;
    readonly limit: string;
  }[];
  const limitOf = (pattern: RegExp) => {
    const guard = guards.find(({ name }) => pattern.test(name));
    if (!guard) throw new Error(`Expected a guard in .size-limit.json that matches ${pattern}, but there is none.`);
    return Number.parseFloat(guard.limit);
  };
  const rows = SIZES.map(([pattern, title, beyond]) => {
    const kilobytes = limitOf(pattern) - (beyond ? limitOf(beyond) : 0);
    return `| ${title} | ${(Math.ceil(kilobytes * 2) / 2).toFixed(1)} kB |`;
  });
  return [
    '| Minified, compressed, with dependencies; guarded by `npm run size` | at most |',
    '|---|---:|',
    ...rows,
  ].join('\n');
}

function pathOf(kind: string, name = ''): string {
  return kind === 'example' ? `examples/${name}` : name;
}

async function showFile(path: string): Promise<string> {
  const code = await readFile(new URL(path, root), 'utf8');
  return `\`\`\`${path.split('.').at(-1)}\n${code.trim()}\n\`\`\``;
}

if ((import.meta as { main?: boolean }).main) {
  for (const page of await pagesWithSnippets()) {
    const url = new URL(page, root);
    const text = await readFile(url, 'utf8');
    const written = await fill(text);
    if (written !== text) await writeFile(url, written);
  }
}
