import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { type Group, groups } from './groups.js';

const pages = fileURLToPath(new URL('../pages/', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The title of a page, or nothing where there is no such page. */
function titleOf(page: string): string | undefined {
  const file = `${pages}${page}.md`;
  if (!existsSync(file)) return undefined;
  return /^# (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1]?.replaceAll('`', '');
}

/** Every page below a folder that is in no group. */
function left(folder: string, taken: ReadonlySet<string>): string[] {
  return readdirSync(pages, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && name.startsWith(folder))
    .map((name) => name.slice(0, -3))
    .filter((name) => !taken.has(name) && name !== 'index')
    .sort();
}

interface Shown {
  readonly text: string;
  readonly items: { readonly text: string; readonly link: string }[];
}

function shown({ text, pages: named }: Group): Shown[] {
  const items = named.flatMap((page) => {
    const title = titleOf(page);
    return title === undefined ? [] : [{ text: title, link: `/${page.replace(/index$/, '')}` }];
  });
  return items.length > 0 ? [{ text, items }] : [];
}

/** A list for all pages, and one for each group that has a list of its own. */
function sidebar(): Record<string, Shown[]> {
  const named = new Set(groups.flatMap(({ pages: listed }) => listed));
  const whole = groups.map((group) => ({
    ...group,
    pages: [...group.pages, ...(group.folder ? left(`${group.folder}/`, named) : [])],
  }));
  const placed = new Set(whole.flatMap(({ pages: listed }) => listed));
  const main = [...whole.filter(({ isApart }) => !isApart), { text: 'More', pages: left('', placed) }];
  const apart = whole.filter(({ isApart }) => isApart);
  return {
    '/': main.flatMap(shown),
    ...Object.fromEntries(apart.map((group) => [`/${group.folder}/`, shown(group)])),
  };
}

/** As GitHub names a heading in a link, so that one link serves in both places. */
export function slugify(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\d _-]/gu, '')
    .replaceAll(' ', '-');
}

export default defineConfig({
  srcDir: 'pages',
  outDir: 'dist',
  base: process.env.DOCS_BASE ?? '/',
  lang: 'en',
  title: 'evertoken',
  description: 'Keeps an application signed in: one refresh however many callers, and no passing fault ends a session.',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${process.env.DOCS_BASE ?? '/'}icon.svg` }]],
  lastUpdated: false,
  vite: { build: { chunkSizeWarningLimit: 2_000 } }, // the index of the search, which is loaded when somebody searches
  ignoreDeadLinks: [/^\/playground\//], // copied as it is: `npm run docs:check` looks for it
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    anchor: { slugify },
    toc: { slugify },
  },
  themeConfig: {
    search: { provider: 'local' },
    externalLinkIcon: true,
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'What happens when', link: '/what-happens' },
      { text: 'Errors', link: '/errors' },
      { text: 'API', link: '/api/' },
      ...(existsSync(`${pages}comparison.md`) ? [{ text: 'Comparison', link: '/comparison' }] : []),
      { text: 'Playground', link: '/playground/', target: '_self' },
      { text: version, link: '/changes' },
    ],
    sidebar: sidebar(),
    socialLinks: [{ icon: 'github', link: 'https://github.com/evertoken/evertoken' }],
    footer: { message: 'MIT. This site asks nobody but itself for anything: no fonts, no counters, no cookies.' },
  },
});
