// Writes what the README shows of other files and of runs: `npm run readme`.
import { readFile, writeFile } from 'node:fs/promises';
import { outageTable } from '../bench/outage.js';

const root = new URL('../', import.meta.url);
const MARK = /^<!-- ((example: (\S+))|outage) -->\n(?:\n(?:```[\s\S]*?\n```\n|(?:\|.*\n)+))?/gm;

/** The text with every marked place filled: the code of an example, or the table that `outage` makes. */
export async function fill(text: string, outage: () => Promise<string> = outageTable): Promise<string> {
  const filled = new Map<string, string>();
  for (const [place, mark = '', , name] of text.matchAll(MARK)) {
    filled.set(place, `<!-- ${mark} -->\n\n${name === undefined ? await outage() : await showExample(name)}\n`);
  }
  return text.replace(MARK, (place) => filled.get(place) ?? place);
}

async function showExample(name: string): Promise<string> {
  const code = await readFile(new URL(`examples/${name}`, root), 'utf8');
  return `\`\`\`${name.split('.').at(-1)}\n${code.trim()}\n\`\`\``;
}

if ((import.meta as { main?: boolean }).main) {
  const readme = new URL('README.md', root);
  await writeFile(readme, await fill(await readFile(readme, 'utf8')));
}
