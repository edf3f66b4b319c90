import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADDRESS, descriptions, shortenMessages } from '../scripts/short-messages.mjs';

const root = join(import.meta.dirname, '..');
const { homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('a short message leads to the page that has every code as a heading', () => {
  expect(ADDRESS).toBe(homepage.replace('#readme', '/blob/main/docs/errors.md'));
});

const SOURCE = `
import { OptionsError, TokenError } from './errors.js';

const ADVICE = 'write it in another way';
const REASONS = { late: 'it came too late', early: 'it came too early' };
interface Facts { readonly detail: string }

export function refuse(name: string, came: unknown, expected: string): never {
  throw new OptionsError('ERR_OPTIONS', \`Expected \${name} to be \${expected}, but \${show(came)} came: \${ADVICE}.\`);
}
export function check(value: unknown): void {
  if (!value) refuse('value', value, 'something that is there');
}
function show(came: unknown): string {
  return came === null ? 'null' : \`a value of type \${typeof came}\`;
}
export function late(reason: keyof typeof REASONS): TokenError {
  const [what, more] = [REASONS[reason], 'try it again'];
  return new OptionsError('ERR_OPTIONS', \`\${what}; \${more}\`);
}
export function told(facts: Facts): TokenError {
  return new OptionsError('ERR_OPTIONS', facts.detail);
}
export const known: TokenError = told({ detail: 'a detail in a member' });
export function faultOf(text: string): string | undefined {
  return text ? undefined : 'the text is not there';
}
export function checked(text: string): void {
  const fault = faultOf(text);
  if (fault) throw new OptionsError('ERR_OPTIONS', fault);
}

// used for something else as well: the words count
const LOCK = 'the lock of all';
export function lock(): string {
  return LOCK;
}
export function busy(): TokenError {
  return new OptionsError('ERR_OPTIONS', \`Expected \${LOCK} to be free\`);
}
function kindOf(value: unknown): string {
  return value ? 'of one kind' : 'of another kind';
}
export function sorted(value: unknown): boolean {
  if (kindOf(value) === 'of one kind') return true;
  throw new OptionsError('ERR_OPTIONS', kindOf(value));
}
export function lockName(key: string): string {
  return \`{\${key}}:lock\`;
}
export function held(key: string): TokenError {
  return new OptionsError('ERR_OPTIONS', \`Expected \${lockName(key)} to be free\`);
}

// no message of an error of ours
export const greeting = 'Good morning to all';
export const other: Error = new Error('an error of the language');
export function insecure(url: string): TokenError {
  return new OptionsError('ERR_OPTIONS', \`\${url} is not secure: expected https, as others may read it\`);
}
`;
const ERRORS = `
export abstract class TokenError extends Error {}
export class OptionsError extends TokenError {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}
`;

describe('what is taken out of the sources for pages in production', () => {
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, 'node_modules/.cache/short-messages-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let gone: ReadonlySet<string>;
  beforeAll(() => {
    writeFileSync(join(folder, 'source.ts'), SOURCE);
    writeFileSync(join(folder, 'errors.ts'), ERRORS);
    gone = shortenMessages(pathToFileURL(`${folder}/`)).texts;
  });

  test.each([
    ['in the message itself', 'Expected '],
    ['in a constant', 'write it in another way'],
    ['passed through a parameter', 'something that is there'],
    ['returned by a function', 'a value of type '],
    ['in a table', 'it came too late'],
    ['in a list', 'try it again'],
    ['in a member of an object', 'a detail in a member'],
    ['asked before whether it is there', 'the text is not there'],
  ])('a text of a message: %s', (_, text) => expect(gone).toContain(text));

  test.each([
    ['a name', 'value'],
    ['a word', 'null'],
    ['a text that is used for something else, too', 'the lock of all'],
    ['a text that is compared with', 'of another kind'],
    ['the name of a lock', '}:lock'],
    ['a text that is in no error', 'Good morning to all'],
    ['the message of another error', 'an error of the language'],
    ['that an address is not secure, and why', ' is not secure: expected https, as others may read it'],
  ])('but not %s', (_, text) => expect(gone).not.toContain(text));
});

test('a page goes without the descriptions of instruments, each of which is there in the sources', () => {
  const path = join(root, 'src/integrations/otel/instruments.ts');
  const source = readFileSync(path, 'utf8');
  const [, names = ''] = /type InstrumentName =([^;]*)/.exec(source) ?? [];
  const described = descriptions() as { fileName: string; text: string; start: number; end: number; short: string }[];
  expect(described).toHaveLength(names.match(/evertoken\./g)?.length ?? 0);
  for (const { text, start, end, ...edit } of described) {
    expect(text).toMatch(/^[A-Z]\w+,? \w+/);
    expect([source.slice(start, end), edit]).toEqual([text, { fileName: path, short: '' }]);
  }
});
