import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const sources = ['src/errors.ts', 'src/integrations/oauth/sign-in-error.ts'].map(read).join('\n');
const codes = [...new Set([...sources.matchAll(/'(ERR_[A-Z_]+)'/g)].map(([, code = '']) => code))].sort();
const page = read('docs/errors.md');
const headings = [...page.matchAll(/^## (ERR_\w+)$/gm)].map(([, code = '']) => code);

test('each error code is a heading that a search finds, and each such heading a code', () => {
  expect([...headings].sort()).toEqual(codes);
  expect(codes.length).toBeGreaterThan(20);
});

test('each code says what to do', () => {
  const parts = page.split(/^## /m).slice(1);
  expect(parts.filter((part) => !part.includes('**Do:**')).map((part) => part.split('\n')[0])).toEqual([]);
});

test('a link to a code leads to its heading', () => {
  for (const path of ['docs/troubleshooting.md', 'docs/errors.md']) {
    const links = [...read(path).matchAll(/errors\.md#([\w-]+)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !codes.some((code) => code.toLowerCase() === anchor))).toEqual([]);
  }
});
