import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthServer } from '../../src/testing.js';
import { startChild } from '../support/child.js';

const childEntry = join(import.meta.dirname, 'quitting-child.ts');
const LIFETIME = 600_000;

/** As if most of the life of the access token had passed: it is due, and usable. */
function age(file: string): void {
  const earlier = (_: string, name: string, at: string) => `${name}${Number(at) - 0.9 * LIFETIME}`;
  writeFileSync(file, readFileSync(file, 'utf8').replace(/((?:issuedAt|expiresAt)": )(\d+)/g, earlier));
}

test('a command-line tool that calls process.exit() after its work, while its token is due, is still signed in when it runs next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-quitting-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const server = createAuthServer({ accessTokenLifetimeMs: LIFETIME, delayMs: 100 });
  const { tokenUrl, close } = await server.listen();
  onTestFinished(close);
  const file = join(folder, 'credentials.json');
  const run = async (...response: string[]) =>
    (await startChild(childEntry, [file, tokenUrl, ...response]).next('said')).replace('said ', '');
  const seen = [await run(JSON.stringify(server.signIn()))];
  for (let round = 0; round < 8; round++) {
    age(file);
    seen.push(await run());
  }
  expect(new Set(seen).size).toBe(9); // each run has refreshed before it was served
  expect(seen.every((token) => server.inspect(token))).toBe(true);
  expect(server.tokenRequests).toHaveLength(8);
  expect(server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
});
