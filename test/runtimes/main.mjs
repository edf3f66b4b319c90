// Runs the packed package on every runtime and prints a table: `npm run test:runtimes`.
// The runtimes have a package.json and a lock of their own here; the script of the root installs them.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const modules = join(here, 'node_modules');
const app = mkdtempSync(join(tmpdir(), 'evertoken-runtimes-'));
const rows = {};
let failures = 0;

/** An app whose node_modules hold the package as it would be published, and links to what it needs. */
function makeApp() {
  const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', app], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
  mkdirSync(join(app, 'node_modules/evertoken'), { recursive: true });
  execFileSync('tar', ['xzf', join(app, tarball), '-C', join(app, 'node_modules/evertoken'), '--strip-components=1']);
  for (const name of ['mitt', 'jwt-decode', 'async-mutex', 'tslib']) {
    symlinkSync(join(root, 'node_modules', name), join(app, 'node_modules', name));
  }
  for (const name of ['react', 'react-dom', 'scheduler'])
    symlinkSync(join(modules, name), join(app, 'node_modules', name));
  for (const name of readdirSync(here).filter((file) => /\.(mjs|cjs|js)$/.test(file)))
    copyFileSync(join(here, name), join(app, name));
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
}

/** Fills one cell of the table; a failure fills it too, and fails the whole. */
async function cell(runtime, column, measure) {
  rows[runtime] ??= {};
  try {
    rows[runtime][column] = await measure();
  } catch (error) {
    failures++;
    rows[runtime][column] = 'FAILED';
    console.error(`${runtime}, ${column}: ${error.stderr || error.stack || error}`);
  }
}

function run([command, ...args], file, ...rest) {
  return execFileSync(command, [...args, join(app, file), ...rest], {
    cwd: app,
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

const counted = (text) => {
  const { callers, requests } = JSON.parse(text.split('\n').at(-1));
  return `${callers} callers, ${requests} request`;
};

const worksAs = (text) => (JSON.parse(text) ? 'works' : '');

/** A process that says lines and is told lines. */
function start([command, ...args], ...rest) {
  const child = spawn(command, [...args, join(app, 'process.mjs'), ...rest], {
    cwd: app,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value, tell: (line) => child.stdin.write(`${line}\n`) };
}

/** Four processes of one runtime want a token at the same moment; the server counts. */
async function fourProcesses(command) {
  const { createAuthServer } = await import(pathToFileURL(join(app, 'node_modules/evertoken/dist/testing.js')).href);
  const server = createAuthServer({ accessTokenLifetimeMs: 300 });
  const { tokenUrl, close } = await server.listen();
  const file = join(mkdtempSync(join(app, 'files-')), 'credentials.json');
  const workers = Array.from({ length: 4 }, () => start(command, 'ask', file, tokenUrl));
  for (const [index, worker] of workers.entries()) {
    await worker.next();
    worker.tell(index === 0 ? JSON.stringify(server.signIn()) : 'wait');
    await worker.next();
  }
  await new Promise((resolve) => setTimeout(resolve, 350));
  server.set({ accessTokenLifetimeMs: 3_600_000 });
  for (const worker of workers) worker.tell('go');
  const answers = new Set(await Promise.all(workers.map((worker) => worker.next())));
  for (const { child } of workers) child.kill('SIGKILL');
  await close();
  if (answers.size !== 1 || server.tokenRequests.length !== 1) {
    throw new Error(`${answers.size} tokens, ${server.tokenRequests.length} requests`);
  }
  return '4 processes, 1 request';
}

/** One process is killed with the lock in its hands; the next one has it after so many milliseconds. */
async function killedHolder(command) {
  const file = join(mkdtempSync(join(app, 'files-')), 'credentials.json');
  const holder = start(command, 'hold', file);
  await holder.next();
  const waiter = start(command, 'take', file);
  setTimeout(() => holder.child.kill('SIGKILL'), 500);
  const waitedMs = Number(await waiter.next());
  if (!(waitedMs < 2_000)) throw new Error(`waited ${waitedMs} ms`);
  return 'taken over at once';
}

function denoBinary() {
  const [platform] = readdirSync(join(modules, '@deno'));
  return join(modules, '@deno', platform, process.platform === 'win32' ? 'deno.exe' : 'deno');
}

/** Runs a worker in workerd, with the loopback network, for as long as the task takes. */
async function inWorkerd(entry, task) {
  const outfile = join(app, `bundled-${entry}`);
  await build({
    entryPoints: [join(app, entry)],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    target: 'es2022',
    outfile,
    logLevel: 'error',
  });
  const config = join(app, `${entry}.capnp`);
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [(name = "w.mjs", esModule = embed "bundled-${entry}")], compatibilityDate = "2026-11-01")),
    (name = "internet", network = (allow = ["private", "local"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);`,
  );
  const binary = createRequire(import.meta.url)('workerd').default;
  const server = spawn(binary, ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  try {
    const port = await new Promise((resolve, reject) => {
      let said = '';
      server.once('exit', () => reject(new Error('workerd ended')));
      server.stdio[3].on('data', (data) => {
        said += data;
        const listening = /"event":"listen".*?"port":(\d+)/.exec(said);
        if (listening) resolve(Number(listening[1]));
      });
    });
    return await task(`http://127.0.0.1:${port}/`);
  } finally {
    server.removeAllListeners('exit');
    server.kill();
  }
}

function onWorkerd() {
  return inWorkerd('worker.mjs', async (address) => {
    const response = await fetch(address);
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
    return counted(text);
  });
}

/** A worker whose runtime cancels what goes on after the response: three ways to live with that. */
async function cutOff() {
  const { createAuthServer } = await import(pathToFileURL(join(app, 'node_modules/evertoken/dist/testing.js')).href);
  // who was cut off may have used the refresh token up; a window for reuse is what servers offer for that
  const server = createAuthServer({ accessTokenLifetimeMs: 40_000, reuseWindowMs: 60_000 });
  const { tokenUrl, close } = await server.listen();
  const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const check = (isTrue, what) => {
    if (!isTrue) throw new Error(`expected ${what}`);
  };
  try {
    return await inWorkerd('cut-worker.mjs', async (address) => {
      const call = async (name, action, body) => {
        const query = new URLSearchParams({ name, action, url: tokenUrl });
        const signal = AbortSignal.timeout(20_000); // stuck for good
        const init = body ? { method: 'POST', body: JSON.stringify(body), signal } : { signal };
        return (await fetch(`${address}?${query}`, init)).text();
      };
      /** Signs in, and waits until the token is due: a second of ours is twenty of the worker's. */
      const due = async (name) => {
        server.set({ delayMs: 0 });
        const tokens = server.signIn();
        await call(name, 'start', tokens);
        await later(1_100);
        server.set({ delayMs: 300 });
        return tokens.access_token;
      };

      const cut = await due('behind');
      check((await call('behind', 'ask')) === cut, 'a due token to be served at once');
      await later(1_200); // it has expired, and the refresh behind it is dead
      check((await call('behind', 'look')) === 'true', 'the refresh to have been cut off');
      server.set({ delayMs: 0 });
      const next = await Promise.all([call('behind', 'ask'), call('behind', 'ask')]);
      check(next[0] !== cut && server.inspect(next[0])?.active, `the next request not to be stuck, got ${next[0]}`);
      check(next[0] === next[1], 'everybody to get the same token');

      const { length } = server.tokenRequests;
      const before = await due('before');
      server.set({ delayMs: 50 }); // who waits does so for 2 s, 100 ms of ours
      const fresh = await call('before', 'ask');
      check(fresh !== before && server.inspect(fresh)?.active, `a token refreshed before it is served, got ${fresh}`);
      check(server.tokenRequests.length === length + 1, 'one request before a token is served');

      const kept = await due('kept');
      check((await call('kept', 'ask, and wait behind')) === kept, 'a due token to be served at once');
      await later(600);
      check((await call('kept', 'look')) === 'false', 'the refresh to be over');
      const after = await call('kept', 'ask');
      check(after !== kept && server.inspect(after)?.active, `waitUntil(settled()) to keep the refresh, got ${after}`);
      check(server.tokenRequests.length === length + 2, 'one request behind a served token');

      // who waits for the refresh of another request is served although that request's client goes away
      const left = await due('left');
      await later(1_000); // it has expired
      const leaver = new AbortController();
      const query = new URLSearchParams({ name: 'left', action: 'ask', url: tokenUrl });
      const leaving = fetch(`${address}?${query}`, { signal: leaver.signal }).catch(() => 'gone');
      await later(100);
      const others = [call('left', 'ask'), call('left', 'ask')];
      await later(50);
      leaver.abort();
      check((await leaving) === 'gone', 'the client to have gone away');
      const [one, other] = await Promise.all(others);
      check(one !== left && server.inspect(one)?.active, `the others to be served, got ${one}`);
      check(one === other, 'the others to get the same token');
      return 'not stuck, refreshed before, kept, left';
    });
  } finally {
    await close();
  }
}

function onHermes() {
  const { stdout, stderr } = spawnSync(process.execPath, [join(here, 'hermes.mjs'), app, join(root, 'node_modules')], {
    encoding: 'utf8',
    timeout: 180_000,
  });
  const reports = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  if (reports.length < 2) throw new Error(stdout + stderr);
  return reports;
}

if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: npm run build');
makeApp();

const nodes = Object.fromEntries(
  [20, 22, 24].map((major) => [`Node ${major}`, [join(modules, `node${major}/bin/node`)]]),
);
const everywhere = {
  ...nodes,
  Bun: [join(modules, '.bin/bun'), 'run'],
  // the binary itself: the command of the npm package is a script that starts it, and would be killed in its place
  Deno: [denoBinary(), 'run', '--no-config', '--node-modules-dir=manual', '-A'],
};
for (const [runtime, command] of Object.entries(everywhere)) {
  const asked = command.length > 1 ? [command[0], '--version'] : [...command, '-p', 'process.versions.node'];
  const version = execFileSync(asked[0], asked.slice(1), { encoding: 'utf8' }).match(/\d+\.\d+\.\d+/)?.[0];
  const name = runtime.startsWith('Node') ? `Node ${version}` : `${runtime} ${version}`;
  await cell(name, 'smoke, concurrency', () => counted(run(command, 'smoke.mjs')));
  await cell(name, 'one file', () => fourProcesses(command));
  await cell(name, 'killed holder', () => killedHolder(command));
  await cell(name, 'require()', () => worksAs(run(command, 'require.cjs')));
  await cell(name, 'React on a server', () => worksAs(run(command, 'ssr.mjs')));
}
const workerdVersion = JSON.parse(readFileSync(join(modules, 'workerd/package.json'), 'utf8')).version;
await cell(`workerd ${workerdVersion}`, 'smoke, concurrency', onWorkerd);
await cell(`workerd ${workerdVersion}`, 'cut off after the answer', cutOff);
await cell('Hermes', 'smoke, concurrency', () => {
  for (const { name, report, error } of onHermes()) {
    rows[name] = {
      'smoke, concurrency': report?.compiles ? 'compiles' : report ? counted(JSON.stringify(report)) : 'FAILED',
    };
    if (!report) throw new Error(`${name}: ${error}`);
  }
});
if (rows.Hermes['smoke, concurrency'] === undefined) delete rows.Hermes;

console.table(rows);
rmSync(app, { recursive: true, force: true });
process.exit(failures > 0 ? 1 : 0);
