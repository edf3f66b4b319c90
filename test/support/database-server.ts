import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A database server of our own, on a socket in a temporary folder. */
export interface DatabaseServer {
  /** The folder of its socket. */
  readonly folder: string;
  /** The folder of its files, and its disk where it has one of its own. */
  readonly disk: string;
  /** Ends it without a word, as a power cut does. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it for good, and removes all it has. */
  stop(): Promise<void>;
}

interface Recipe {
  readonly name: string;
  /** Whom the package makes for it: these servers refuse root. */
  readonly user: string;
  /** The socket below the folder. */
  readonly socket: string;
  /** Makes an empty database. */
  readonly init: (data: string, folder: string) => readonly string[];
  readonly serve: (data: string, folder: string) => readonly string[];
  /** What ends it at once, with its children, so that it has to recover. */
  readonly crash: 'SIGKILL' | 'SIGQUIT';
  /** Whether it takes statements. Default: as soon as it listens. */
  readonly isReady?: (folder: string) => boolean;
  /** Kilobytes of a disk of its own, which is full soon. Default: the disk of the machine. */
  readonly diskKb?: number;
}

const running = new Map<ChildProcess, NodeJS.Signals>();
const mounted = new Set<string>();
process.once('exit', () => {
  for (const [server, signal] of running) server.kill(signal);
  for (const folder of mounted) spawnSync('umount', ['-l', folder]);
});

const isRoot = process.getuid?.() === 0;

/** The words of a command, as the server's user where we are root. */
export function asUser(user: string, words: readonly string[]): string[] {
  return isRoot ? ['setpriv', '--reuid', user, '--regid', user, '--clear-groups', ...words] : [...words];
}

/** The first of the commands that is there, in the path or in a folder of Debian's packages. */
export function findCommand(folders: readonly string[], ...names: string[]): string | undefined {
  const all = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin', ...folders];
  return names.flatMap((name) => all.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Makes an empty database in a temporary folder and starts a server on it. */
export async function startDatabase(recipe: Recipe): Promise<DatabaseServer> {
  const folder = mkdtempSync(join(tmpdir(), `evertoken-${recipe.name}-`));
  chmodSync(folder, 0o755);
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  if (recipe.diskKb) {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${recipe.diskKb}k`, 'tmpfs', disk]);
    if (status !== 0) throw new Error('a small disk cannot be mounted here');
    mounted.add(disk);
  }
  if (isRoot) spawnSync('chown', [`${recipe.user}:${recipe.user}`, folder, disk]);
  const data = join(disk, 'data');
  const [command = '', ...words] = asUser(recipe.user, recipe.init(data, folder));
  const made = spawnSync(command, words, { cwd: folder, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`${recipe.name} made no database: ${made.stderr}${made.stdout}`);
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const [program = '', ...args] = asUser(recipe.user, recipe.serve(data, folder));
    const child = spawn(program, args, { cwd: folder, stdio: process.env.DATABASE_LOG ? 'inherit' : 'ignore' });
    server = child;
    running.set(child, recipe.crash);
    child.once('exit', () => running.delete(child));
    const isReady = async () => (await isListening(join(folder, recipe.socket))) && (recipe.isReady?.(folder) ?? true);
    for (let tries = 0; !(await isReady()); tries++) {
      if (tries > 2_000 || child.exitCode !== null) throw new Error(`${recipe.name} does not listen`);
      await sleep(20);
    }
  }

  async function kill(): Promise<void> {
    const child = server;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(recipe.crash);
    await gone;
    rmSync(join(data, 'postmaster.pid'), { force: true }); // its number may be that of another process by now
    rmSync(join(folder, recipe.socket), { force: true });
  }

  await start();
  return {
    folder,
    disk,
    start,
    kill,
    async stop() {
      await kill();
      if (mounted.delete(disk)) spawnSync('umount', ['-l', disk]);
      await sleep(50); // the children of a server that was killed end by themselves
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Whether somebody listens on a socket. */
export function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket, () => connection.end(() => resolve(true)));
    connection.on('error', () => resolve(false));
  });
}
