import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AuthServer, createAuthServer, type ListeningServer } from '../../src/testing.js';

const root = new URL('../../', import.meta.url);
const example = fileURLToPath(new URL('examples/node-cli/main.ts', root));

let server: AuthServer;
let listening: ListeningServer;
let folder = '';
beforeEach(async () => {
  server = createAuthServer();
  listening = await server.listen();
  folder = mkdtempSync(join(tmpdir(), 'evertoken-cli-'));
});
afterEach(async () => {
  await listening.close();
  rmSync(folder, { recursive: true });
});

/** Runs the tool, goes where it sends the user, and gives its exit code and everything else that it said. */
function run(...args: string[]): Promise<{ code: number; said: string }> {
  const loader = new URL('scripts/typescript.mjs', root).href;
  const env = { ...process.env, SERVER: listening.origin, CREDENTIALS: join(folder, 'shop', 'credentials.json') };
  return new Promise((resolve) => {
    const all = ['--import', loader, example, ...args];
    const child = execFile(process.execPath, all, { env }, (error, stdout, stderr) => {
      const said = (stdout + stderr.replace(/^Sign in at .*$/m, '')).trim();
      resolve({ code: Number(error?.code ?? 0), said });
    });
    child.stderr?.on('data', (text: string) => {
      const [, url] = /^Sign in at (\S+)$/m.exec(text) ?? [];
      if (url) void fetch(url).catch(() => undefined); // it leads back to the port that waits
    });
  });
}

const refreshes = () => server.tokenRequests.filter(({ parameters }) => parameters.grant_type === 'refresh_token');

test('a tool signs in, says who is there, calls an API and signs out', async () => {
  expect(await run('whoami')).toEqual({ code: 1, said: 'Not signed in. Run: login' });
  expect(await run('login', 'grace')).toMatchObject({ code: 0, said: expect.stringContaining('Signed in as grace') });
  const file = join(folder, 'shop', 'credentials.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8').split('\n').length).toBeGreaterThan(5); // for a person to read
  expect((await run('whoami')).said).toMatch(/^grace, with an access token until/);
  expect((await run('call', `${listening.apiUrl}/items`)).said).toMatch(/^200 .*grace/);
  expect(await run('logout')).toEqual({ code: 0, said: 'Signed out.' });
  expect(() => statSync(file)).toThrow('ENOENT');
  expect(server.counts.familiesRevoked).toBe(1);
  expect((await run('call')).code).toBe(1);
});

test('ten of them at once, with an access token that has expired, cost one refresh', async () => {
  server.set({ accessTokenLifetimeMs: 1_000 });
  expect((await run('login')).said).toMatch(/^Signed in/);
  const expiresAt = Date.now() + 1_000;
  server.set({ accessTokenLifetimeMs: 3_600_000 });
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(expiresAt), { timeout: 5_000 });
  const results = await Promise.all(Array.from({ length: 10 }, () => run('call', `${listening.apiUrl}/items`)));
  expect(results.map(({ said }) => said.slice(0, 3))).toEqual(Array(10).fill('200'));
  expect(refreshes()).toHaveLength(1);
});

test('where there is no browser, it shows a code for another device', async () => {
  server.set({ deviceIntervalMs: 100 });
  const { code, said } = await run('login', '--device');
  expect(code).toBe(0);
  expect(said).toMatch(/Signed in as ada/);
  expect(said).toMatch(/^Go to http:\S+ and enter \S+$/m);
  expect((await run('whoami')).said).toMatch(/^ada, with an access token until/);
});
