import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server of our own, on a loopback port. */
export interface Daemon {
  readonly url: string;
  stop(): Promise<void>;
}

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts a program of Prometheus's family and waits until it is ready; throws an `Error` with its last words. */
export async function startDaemon(program: string, args: readonly string[]): Promise<Daemon> {
  const url = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, [...args, `--web.listen-address=${url}`, '--log.level=warn'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  const gone = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).finally(() => running.delete(child));
  let words = '';
  child.stderr.on('data', (data) => {
    words = `${words}${data}`.slice(-2_000);
  });
  while (!(await isReady(`http://${url}/-/ready`))) {
    if (!running.has(child)) throw new Error(`Expected ${program} to start, but it ended: ${words}`);
    await pause(50);
  }
  return {
    url: `http://${url}`,
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
