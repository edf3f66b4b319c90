import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const examples = new URL('../../examples/', import.meta.url);

/** The lines of all sources in a folder, blank ones and comments among them. */
function countLines(folder: string): number {
  const files = readdirSync(new URL(`${folder}/`, examples)).filter((name) => /\.tsx?$/.test(name));
  return files.reduce((sum, name) => sum + readLines(`${folder}/${name}`).length, 0);
}

function readLines(path: string): string[] {
  return readFileSync(new URL(path, examples), 'utf8').trimEnd().split('\n');
}

test('a client of the Model Context Protocol, with everything that its servers ask of it, is 150 lines', () => {
  expect(countLines('mcp-client')).toBeLessThanOrEqual(150);
});

test('a React application that signs in, calls its API, in any number of tabs, and signs out everywhere is 40 lines and 6 decisions', () => {
  const lines = readLines('react-sign-in.tsx');
  expect(lines.length).toBeLessThanOrEqual(40);
  expect(lines.filter((line) => line.includes('// decide: ')).length).toBeLessThanOrEqual(6);
  // every address and name in it is one of them
  const decided = lines.filter((line) => /https:|clientId:|scopes:/.test(line) && !line.includes('// decide: '));
  expect(decided).toEqual([expect.stringContaining('https://api.example/orders')]);
});
