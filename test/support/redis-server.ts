import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** `redis-server` is installed, so that a server of one's own can be started. */
export const hasRedisServer = spawnSync('redis-server', ['--version']).status === 0;
/** A Redis to test against: one that is given, else one of our own. */
export const hasRedis = Boolean(process.env.REDIS_URL) || hasRedisServer;

if (process.env.REQUIRE_REDIS && !hasRedisServer) {
  throw new Error('REQUIRE_REDIS is set and there is no redis-server: apt-get install redis-server');
}

export interface RedisServer {
  /** Where it listens: a path of a socket, or a URL. */
  readonly socket: string;
  readonly url: string | undefined;
  /** Ends it without a word, as a power cut does; nothing is on disk. Only a server of one's own. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it in its tracks, or lets it go on. Only a server of one's own. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const server of running) server.kill('SIGKILL');
});

/** Starts a server on a socket of its own; with `REDIS_URL`, names that one instead, unless it has to be one's own. */
export async function startRedis(options: { own?: boolean; args?: string[] } = {}): Promise<RedisServer> {
  const url = options.own ? undefined : process.env.REDIS_URL;
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-redis-'));
  const socket = join(folder, 's');
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    if (url) return;
    const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder];
    const child = spawn('redis-server', [...args, ...(options.args ?? [])], { stdio: 'ignore' });
    server = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    for (let tries = 0; !(await answers(socket)); tries++) {
      if (tries > 500) throw new Error('redis-server does not listen');
      await sleep(10);
    }
  }

  async function kill(): Promise<void> {
    const child = server;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  await start();
  return {
    socket,
    url,
    start,
    kill,
    signal: (name) => void server?.kill(name),
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A cluster of one node, on a loopback port. */
export async function startRedisCluster(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const [port, busPort] = [await freePort(), await freePort()];
  const args = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--cluster-port',
    String(busPort),
  ];
  const server = await startRedis({ own: true, args: [...args, '--bind', '127.0.0.1'] });
  const cli = (...words: string[]) => spawnSync('redis-cli', ['-s', server.socket, ...words]).stdout.toString();
  cli('cluster', 'addslotsrange', '0', '16383');
  while (!cli('cluster', 'info').includes('cluster_state:ok')) await sleep(50);
  return { port, stop: server.stop };
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => connection.end(() => resolve(true)));
    connection.on('error', () => resolve(false));
  });
}
