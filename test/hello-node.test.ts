import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../src/index.js';
import { node } from '../src/presets/node.js';
import { createAuthServer } from '../src/testing.js';

const run = promisify(execFile);
const root = new URL('../', import.meta.url);
const example = fileURLToPath(new URL('examples/hello-node.ts', root));
const loader = new URL('scripts/typescript.mjs', root).href;

/** A server on a loopback port, and a folder in which the example runs. */
async function startServer() {
  const server = createAuthServer();
  const listening = await server.listen();
  const cwd = await mkdtemp(join(tmpdir(), 'hello-node-'));
  onTestFinished(async () => {
    await listening.close();
    await rm(cwd, { recursive: true });
  });
  const env = { ...process.env, TOKEN_URL: listening.tokenUrl, API_URL: listening.apiUrl };
  const start = () => run(process.execPath, ['--import', loader, example], { cwd, env });
  return { server, listening, cwd, start };
}

test('hello-node finds the session that another process has stored, calls the API and exits by itself', async () => {
  const { server, listening, cwd, start } = await startServer();
  const refresh = tokenEndpoint({ url: listening.tokenUrl, clientId: 'orders-cli' });
  const signIn = createTokenManager({ refresh, platform: node({ file: join(cwd, 'session.json') }) });
  await signIn.startSession(server.signIn({ user: 'grace' }));

  const { stdout } = await start();

  expect(JSON.parse(stdout)).toMatchObject({ user: 'grace', method: 'GET' });
});

test('hello-node says what to do where nobody is signed in', async () => {
  const { start } = await startServer();

  await expect(start()).rejects.toMatchObject({ code: 1, stderr: 'Sign in first.\n' });
});
