import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileStorage } from '../../src/adapters/file.js';

const key = 'evertoken:session';
const ours = '{"evertoken":1}';
const next = '{"evertoken":1,"refreshToken":"rt"}';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-edited-'));
  path = join(folder, 'credentials.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (content: string | Buffer) => writeFileSync(path, content, { mode: 0o600 });
const content = () => readFileSync(path, 'latin1');

// what a person or another program may leave behind: text before and after where ours goes
const edited: [what: string, before: string, after: string][] = [
  ['indented with four blanks', '{\n    "theme": "dark"', '\n}\n'],
  ['indented with a tab', '{\n\t"theme": "dark"', '\n}'],
  ['in one line', '{"theme":"dark"', '}'],
  ['in one line, with blanks', '{ "theme": "dark"', ' }\n\n'],
  ['with a byte order mark', '\u00ef\u00bb\u00bf{\n  "theme": "dark"', '\n}\n'],
  ['with CRLF', '{\r\n  "theme": "dark"', '\r\n}\r\n'],
  ['with a byte order mark and CRLF', '\u00ef\u00bb\u00bf{\r\n  "theme": "dark"', '\r\n}\r\n'],
  ['with numbers that JavaScript cannot hold', '{"id":12345678901234567890,"a":1.0,"b":1E400,"c":-0', '}'],
  ['with names that are there twice, and as numbers', '{"b":1,"a":2,"b":3,"10":4,"1":5', '}'],
  ['with deep members', '{"a":{"b":[1,{"c":"}],\\"{"}]},"x":[[],{}],"y":"\\\\"', '}'],
  ['with escapes in names', '{"th\\u0065me":"dark","\\u2028":" "', '}'],
  ['with bytes that are no UTF-8', '{"name":"Zo\u00eb \u0080"', '}'],
  ['with __proto__', '{"__proto__":{"a":1},"constructor":null', '}'],
];

describe.each(edited)('D11: a file that was edited, %s', (_, before, after) => {
  test('takes our member, gives it back, and is as it was byte for byte when that goes', async () => {
    const whole = Buffer.from(before + after, 'latin1');
    write(whole);
    const storage = fileStorage(path);
    expect(await storage.getItem(key)).toBeNull();
    for (const value of [ours, next, 'opaque', ours]) {
      await storage.setItem(key, value);
      expect(await fileStorage(path).getItem(key)).toBe(value);
      expect(content().startsWith(before)).toBe(true);
      expect(content().endsWith(after)).toBe(true);
    }
    await storage.removeItem(key);
    expect(content()).toBe(whole.toString('latin1'));
    expect(readdirSync(folder).sort()).toEqual(['credentials.json', 'credentials.json.lock']);
  });

  test('keeps our member between others in its place', async () => {
    const name = JSON.stringify(key);
    const rest = after.includes('\n') ? `,\n  "last": [1,  2]${after}` : `,"last":[1,  2]${after}`;
    write(Buffer.from(`${before},${name}:{"evertoken": 0}${rest}`, 'latin1'));
    const storage = fileStorage(path);
    expect(await storage.getItem(key)).toBe('{"evertoken":0}');
    await storage.setItem(key, next);
    expect(await storage.getItem(key)).toBe(next);
    expect([content().startsWith(`${before},${name}:`), content().endsWith(rest)]).toEqual([true, true]);
    await storage.removeItem(key);
    expect(content()).toBe(before + rest);
  });

  test('keeps our member in the first place', async () => {
    const [open = '', others = ''] = /^(\W*?)("[\s\S]*)$/.exec(before)?.slice(1) ?? [];
    write(Buffer.from(`${open}"${key}": "opaque", ${others}${after}`, 'latin1'));
    const storage = fileStorage(path);
    await storage.setItem(key, 'other');
    expect(content()).toBe(`${open}"${key}": "other", ${others}${after}`);
    await storage.removeItem(key);
    expect(content()).toBe(`${open}${others}${after}`);
  });
});

test('D11: with our member there twice, the last one counts, and none is left after a change', async () => {
  write(`{"${key}":{"evertoken":0},"theme":"dark","${key}":{"evertoken":1}}`);
  const storage = fileStorage(path);
  expect(await storage.getItem(key)).toBe(ours);
  await storage.setItem(key, next);
  expect([await storage.getItem(key), content()]).toEqual([next, `{"theme":"dark","${key}":${next}}`]);
  write(`{"${key}":{"evertoken":0},"theme":"dark","${key}":{"evertoken":1}}`);
  await storage.removeItem(key);
  expect(content()).toBe('{"theme":"dark"}');
});

test.each(['{}', '\u00ef\u00bb\u00bf{\r\n}\r\n', ' { } '])(
  'D11: an object without members takes ours: %j',
  async (empty) => {
    write(Buffer.from(empty, 'latin1'));
    const storage = fileStorage(path);
    await storage.setItem(key, next);
    expect(await fileStorage(path).getItem(key)).toBe(next);
    await storage.removeItem(key);
    expect(await storage.getItem(key)).toBeNull();
    expect(statSync(`${path}.lock`).isDirectory()).toBe(true);
  },
);
