import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as testing from '../../src/testing.js';
import { createAuthServer } from '../../src/testing.js';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/testing.md'), 'utf8');
const examples = readdirSync(join(root, 'examples/testing')).map((file) =>
  readFileSync(join(root, 'examples/testing', file), 'utf8'),
);
const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);

describe('the page on testing', () => {
  it.each(blocks.map((code) => [code.trim().split('\n')[0], code]))('shows code that CI runs: %s', (_, code) => {
    expect(examples.some((example) => example.includes(code))).toBe(true);
  });

  it('names every switch, and no other', () => {
    let message = '';
    try {
      createAuthServer({ nothing: 0 } as object);
    } catch (error) {
      message = String(error);
    }
    const switches = /\((.*)\)/.exec(message)?.[1]?.split(', ') ?? [];
    const table = page.slice(page.indexOf('| Switch |'), page.indexOf('`server.reset()`'));
    const rows = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(rows).toEqual(switches);
    expect(switches.length).toBeGreaterThan(10);
  });

  it('has every contract in its table, and no other', () => {
    const table = page.slice(page.indexOf('| Contract |'));
    const rows = [...table.matchAll(/^\| `(\w+Contract)`/gm)].map(([, name]) => name);
    expect(rows.sort()).toEqual(
      Object.keys(testing)
        .filter((name) => name.endsWith('Contract') && name !== 'runContract')
        .sort(),
    );
  });

  it('leads nowhere that is not there', () => {
    const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => anchor);
    expect(links.filter((anchor) => !anchors.includes(anchor ?? ''))).toEqual([]);
  });
});
