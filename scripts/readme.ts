// Writes what the README and the pages of `docs` show of other files and of runs: `npm run readme`.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { outageTable } from '../bench/outage.js';

const root = new URL('../', import.meta.url);
const MARK = /^<!-- ((?:(example|file): (\S+))|outage) -->\n(?:\n(?:```[\s\S]*?\n```\n|(?:\|.*\n)+))?/gm;

/**
 * The text with every marked place filled: with an example (`example: ky.ts`, below `examples`), with another file
 * (`file: site/migration/….ts`), or with the table that `outage` makes.
 */
export async function fill(text: string, outage: () => Promise<string> = outageTable): Promise<string> {
  const filled = new Map<string, string>();
  for (const [place, mark = '', kind, name] of text.matchAll(MARK)) {
    const path = kind === 'example' ? `examples/${name}` : name;
    filled.set(place, `<!-- ${mark} -->\n\n${path === undefined ? await outage() : await showFile(path)}\n`);
  }
  return text.replace(MARK, (place) => filled.get(place) ?? place);
}

/** The README and every page below `docs`, as paths from the root. */
export async function pagesWithSnippets(): Promise<string[]> {
  const docs = await readdir(new URL('docs/', root), { recursive: true });
  return ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
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
