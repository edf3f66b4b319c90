import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLinks } from '../../site/links.mjs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-site-'));
  write('index.html', '<a href="/guide.html#there">Guide</a><a href="./sub/">Sub</a><img src="/picture.svg">');
  write('guide.html', '<h1 id="there">Guide</h1><a href="https://elsewhere.example/">Elsewhere</a>');
  write('sub/index.html', '<a href="../guide">Guide</a>');
  write('picture.svg', '<svg></svg>');
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

test('a built site whose links all lead somewhere has no fault', () => {
  expect(checkLinks(folder)).toEqual({ pages: 3, faults: [] });
});

test.each([
  ['a page that is not there', '<a href="/lost.html">', ['guide.html: /lost.html leads nowhere']],
  [
    'a heading that is not there',
    '<a href="/guide.html#lost">',
    ['guide.html: /guide.html#lost names no heading of guide.html'],
  ],
  ['a heading of its own that is not there', '<a href="#lost">', ['guide.html: #lost names no heading of guide.html']],
  ['a picture that is not there', '<img src="/lost.png">', ['guide.html: /lost.png is not there']],
  [
    'a font of elsewhere',
    '<link rel="stylesheet" href="https://fonts.example/a.css">',
    ['guide.html: asks https://fonts.example for something'],
  ],
  [
    'a script of elsewhere',
    '<script src="//cdn.example/a.js"></script>',
    ['guide.html: asks https://cdn.example for something'],
  ],
])('a link to %s is a fault', (_, html, faults) => {
  write('guide.html', `<h1 id="there">Guide</h1>${html}`);
  expect(checkLinks(folder).faults).toEqual(faults);
});

test('a style that asks another origin, and a page that nothing leads to, are faults', () => {
  write('style.css', '@import "https://fonts.example/a.css"; a { background: url(https://cdn.example/a.png) }');
  write('alone.html', '');
  expect(checkLinks(folder).faults).toEqual([
    'alone.html: no page leads to it',
    'style.css: @import "https://fonts.example/a.css',
    'style.css: url(https://cdn.example/a.png',
  ]);
});

test('below a base the same links are right with it, and wrong without', () => {
  write('index.html', '<a href="/docs/guide.html">Guide</a><a href="/docs/sub/">Sub</a>');
  expect(checkLinks(folder, '/docs/').faults).toEqual([]);
});
