// What the built pages lead to: every link, picture, script and anchor has to be there, and nothing comes from elsewhere.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const own = 'https://site.invalid';

/** What is wrong, a line for each fault. */
export function checkLinks(folder, base = '/') {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const pages = new Map(
    files.filter((name) => name.endsWith('.html')).map((name) => [name, readPage(join(folder, name))]),
  );
  const faults = [];
  const reached = new Set(['index.html', '404.html']);
  for (const [name, page] of pages) {
    for (const link of page.links) {
      const url = new URL(link, `${own}${base}${name}`);
      if (url.origin !== own) continue;
      const file = fileOf(folder, base, url.pathname);
      if (file === undefined) faults.push(`${name}: ${link} leads nowhere`);
      else if (url.hash && !pages.get(file)?.ids.has(decodeURIComponent(url.hash.slice(1)))) {
        faults.push(`${name}: ${link} names no heading of ${file}`);
      }
      if (file !== undefined && file !== name) reached.add(file);
    }
    for (const part of page.parts) {
      const url = new URL(part, `${own}${base}${name}`);
      if (url.protocol === 'data:') continue;
      if (url.origin !== own) faults.push(`${name}: asks ${url.origin} for something`);
      else if (fileOf(folder, base, url.pathname) === undefined) faults.push(`${name}: ${part} is not there`);
    }
  }
  for (const name of pages.keys()) if (!reached.has(name)) faults.push(`${name}: no page leads to it`);
  for (const name of files.filter((file) => file.endsWith('.css'))) {
    const asked = readFileSync(join(folder, name), 'utf8').match(/(?:url\(|@import\s+)["']?https?:[^)"']*/g) ?? [];
    faults.push(...asked.map((what) => `${name}: ${what}`));
  }
  return { pages: pages.size, faults: [...new Set(faults)] };
}

function readPage(file) {
  const html = readFileSync(file, 'utf8').replace(/<!--[\s\S]*?-->/g, '');
  const attributes = (pattern) => [...html.matchAll(pattern)].map(([, value = '']) => value.replaceAll('&amp;', '&'));
  return {
    ids: new Set(attributes(/\sid="([^"]+)"/g)),
    links: attributes(/<a\s[^>]*?href="([^"]+)"/g),
    parts: [
      ...attributes(/<(?:script|img|iframe|source)\s[^>]*?src="([^"]+)"/g),
      ...attributes(/<link\s[^>]*?href="([^"]+)"/g),
    ],
  };
}

function fileOf(folder, base, pathname) {
  const path = decodeURIComponent(pathname).slice(base.length);
  for (const name of [path, `${path}.html`, join(path, 'index.html')]) {
    if (name !== '' && existsSync(join(folder, name)) && statSync(join(folder, name)).isFile()) return name;
  }
  return undefined;
}
