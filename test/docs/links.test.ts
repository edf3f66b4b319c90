import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const pages = [
  ...readdirSync(root),
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  ),
].filter((name) => name.endsWith('.md') && !name.includes('node_modules'));

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const repository = String(manifest.repository.url).replace(/^git\+(.*)\.git$/, '$1');
const published = ['package.json', 'README.md', 'LICENSE', ...manifest.files]; // npm adds the first three by itself

function isPublished(path: string): boolean {
  return published.some((shipped) => path === shipped || path.startsWith(`${shipped}/`));
}

/** Links and images of a page; of those into the repository the path below it. */
function linksOf(page: string): { link: string; path: string; anchor?: string; isRelative: boolean }[] {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```/gms, '');
  const targets = [
    ...text.matchAll(/\]\(\s*<?([^)\s>]+)/g),
    ...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm),
    ...text.matchAll(/\b(?:src|href)="([^"]+)"/g),
  ].map(([, target = '']) => target);
  return targets.flatMap((link) => {
    const own = new RegExp(`^${repository}/(?:blob|tree)/main/(.*)$`).exec(link)?.[1];
    if (own === undefined && /^\w+:/.test(link)) return [];
    const [path = '', anchor] = (own ?? link).split('#');
    const below = own === undefined ? join(dirname(page), path) : path;
    return [{ link, path: path === '' ? page : below, isRelative: own === undefined, ...(anchor ? { anchor } : {}) }];
  });
}

/** What a heading is called in a link. */
function anchorsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\d _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(pages)('%s leads nowhere that is not there', (page) => {
  const lost = linksOf(page).filter(({ path, anchor }) => {
    const file = join(root, path);
    if (!existsSync(file)) return true;
    return anchor !== undefined && statSync(file).isFile() && !anchorsOf(file).includes(anchor);
  });
  expect(lost.map(({ link }) => link)).toEqual([]);
});

test.each(pages.filter(isPublished))('%s, as published, leads to what is published or into the repository', (page) => {
  const dead = linksOf(page).filter(({ path, isRelative }) => isRelative && !isPublished(path));
  expect(
    dead.map(({ link }) => link),
    `write ${repository}/blob/main/…`,
  ).toEqual([]);
});

test('what is published includes the documentation, its pictures and the changelog', () => {
  const pictures = pages
    .filter(isPublished)
    .flatMap((page) => linksOf(page).filter(({ path }) => path.endsWith('.svg')));
  expect(pictures.length).toBeGreaterThan(1);
  expect(pages.filter(isPublished)).toEqual(
    expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/browser.md', 'docs/node.md', 'docs/testing.md']),
  );
});

test('package.json says where the package lives and where its faults are reported', () => {
  expect(repository).toMatch(/^https:/);
  expect([manifest.homepage, manifest.bugs]).toEqual([`${repository}#readme`, `${repository}/issues`]);
});
