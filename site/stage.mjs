// Gathers the pages of the site in `site/pages`: the Markdown of `docs`, two more files, the API reference, the playground.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPlayground } from '../scripts/playground.mjs';
import { writeApi } from './api.mjs';

const site = fileURLToPath(new URL('./', import.meta.url));
const root = join(site, '..');
const pages = join(site, 'pages');
const repository = 'https://github.com/evertoken/evertoken';

/** Files of the repository that are pages, and what they are called on the site. */
const others = new Map([
  ['CHANGELOG.md', 'changes.md'],
  ['SECURITY.md', 'report-a-vulnerability.md'],
]);

const shown = shownOn();

/** Writes all pages anew. */
export async function stage() {
  rmSync(pages, { recursive: true, force: true });
  mkdirSync(pages, { recursive: true });
  for (const file of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })) stageDoc(file);
  for (const [from, to] of others) writePage(to, readFileSync(join(root, from), 'utf8'), '');
  stageSubpaths();
  cpSync(join(site, 'index.md'), join(pages, 'index.md'));
  cpSync(join(site, 'public'), join(pages, 'public'), { recursive: true });
  await stagePlayground(join(pages, 'public/playground'));
  await writeApi(join(pages, 'api'));
}

async function stagePlayground(folder) {
  await buildPlayground(folder);
  const index = join(folder, 'index.html');
  const back = '<p><a href="../index.html">Documentation</a></p>';
  writeFileSync(index, readFileSync(index, 'utf8').replace('</h1>', `</h1>\n${back}`));
}

/** Follows changes below `docs`, for `npm run docs:dev`. */
export function follow() {
  watch(join(root, 'docs'), { recursive: true }, (_event, file) => {
    try {
      if (file) stageDoc(file);
    } catch {} // it was taken away, or is half written: another change follows
  });
}

function stageDoc(file) {
  const source = join(root, 'docs', file);
  if (statSync(source).isDirectory()) return;
  if (file.endsWith('.md')) return writePage(file, readFileSync(source, 'utf8'), 'docs');
  mkdirSync(dirname(join(pages, file)), { recursive: true });
  cpSync(source, join(pages, file));
}

/** Examples that a page shows whole, and the page: a link to the file leads there. */
function shownOn() {
  const shown = new Map();
  for (const file of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })) {
    if (!file.startsWith('frameworks/')) continue;
    const text = readFileSync(join(root, 'docs', file), 'utf8');
    for (const [, name] of text.matchAll(/^<!-- example: (\S+) -->$/gm)) shown.set(`examples/${name}`, file);
  }
  return shown;
}

/** Links that serve on GitHub and in the package are made to serve on the site. */
function writePage(name, text, folder) {
  const target = join(pages, name);
  mkdirSync(dirname(target), { recursive: true });
  const linked = text.replace(/\]\(([^)\s]+)\)/g, (whole, link) => {
    const own = link.startsWith(`${repository}/blob/main/`) ? link.slice(`${repository}/blob/main/`.length) : undefined;
    if (own === undefined && /^(\w+:|#)/.test(link)) return whole;
    const [path = '', anchor] = (own ?? link).split('#');
    const inside = own === undefined ? join(folder, dirname(name), path) : path;
    const page = pageOf(inside, anchor);
    if (page === undefined) return own === undefined ? `](${repository}/blob/main/${inside}${hash(anchor)})` : whole;
    return `](/${page}${hash(anchor)})`;
  });
  writeFileSync(target, linked);
}

/** The README's tables of subpaths, which are a page here. */
function stageSubpaths() {
  const [, section = ''] = readFileSync(join(root, 'README.md'), 'utf8').split('\n## Subpaths\n');
  writePage('subpaths.md', `# Subpaths\n${section.split('\n## ')[0]}`, '');
}

/** The page or picture that a file of the repository is on the site. */
function pageOf(path, anchor) {
  if (path === 'README.md') return anchor === 'subpaths' ? 'subpaths.md' : 'index.md';
  if (path.startsWith('docs/')) return path.slice('docs/'.length);
  if (shown.has(path)) return shown.get(path);
  return others.get(path);
}

function hash(anchor) {
  return anchor ? `#${anchor}` : '';
}
