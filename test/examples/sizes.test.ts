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
