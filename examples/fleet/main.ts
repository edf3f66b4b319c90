// A fleet in small: 10 000 sessions of three providers, of which one has bad days, two workers of which one is killed,
// and a service that uses some of the sessions. `npm run fleet`; needs redis-server; ends by itself.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fleetOf, type Place } from './fleet-of.js';
import type { ProviderFigures, ProviderRequest } from './providers.js';
import { ILL, keyOf, LANES, readSettings, type Settings, USAGE } from './settings.js';
import { createView } from './view.js';
import type { WorkerFigures } from './worker.js';

const BATCH = 200;
const folder = mkdtempSync(join(tmpdir(), 'evertoken-fleet-'));
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a process of this folder, which ends with this one. */
function start(file: string, ...args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, file), args, { serialization: 'advanced' });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function startRedis(): Promise<{ socket: string; processorMs: () => Promise<number>; child: ChildProcess }> {
  const socket = join(folder, 's');
  const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  children.add(child);
  await Promise.race([
    once(child, 'error').then(() => Promise.reject(new Error('Expected redis-server: apt-get install redis-server'))),
    (async () => {
      while (!existsSync(socket)) await pause(20);
    })(),
  ]);
  const processorMs = async () => {
    const { Redis } = await import('ioredis');
    const redis = new Redis({ path: socket });
    const info = await redis.info('cpu');
    redis.disconnect();
    const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
    return 1_000 * (seconds('used_cpu_user') + seconds('used_cpu_sys'));
  };
  return { socket, processorMs, child };
}

async function ask<T>(child: ChildProcess, request: ProviderRequest): Promise<T> {
  const answer = once(child, 'message');
  child.send(request);
  return (await answer)[0] as T;
}

/** One worker after the other, and what they have done; one that is gone keeps what it said last. */
class Workers {
  readonly #place: Place;
  readonly #figures = new Map<ChildProcess, WorkerFigures>();

  constructor(place: Place) {
    this.#place = place;
  }

  async start(): Promise<ChildProcess> {
    const child = start('worker.ts');
    child.send(this.#place);
    await once(child, 'message');
    child.on('message', (figures: WorkerFigures) => this.#figures.set(child, figures));
    return child;
  }

  sum(name: keyof WorkerFigures): number {
    return [...this.#figures.values()].reduce((total, figures) => total + figures[name], 0);
  }
}

async function signIn(place: Place, providers: ChildProcess): Promise<void> {
  const { open, close } = fleetOf(place);
  const { sessions } = place.settings;
  for (let first = 0; first < sessions; first += BATCH) {
    const keys = Array.from({ length: Math.min(BATCH, sessions - first) }, (_, index) => keyOf(first + index));
    const responses = await ask<Parameters<ReturnType<typeof open>['startSession']>[0][]>(providers, {
      ask: 'sign-in',
      keys,
    });
    await Promise.all(
      keys.map(async (key, index) => {
        const tokens = open(key);
        await tokens.startSession(responses[index] as never);
        tokens.dispose();
      }),
    );
    if ((first + BATCH) % 2_000 === 0) console.log(`${first + BATCH} of ${sessions} sessions started`);
  }
  close();
}

async function run(settings: Settings): Promise<number> {
  const redis = await startRedis();
  const providers = start('providers.ts', String(settings.lifetime));
  const [addresses] = await once(providers, 'message');
  const place: Place = { settings, socket: redis.socket, addresses };
  await signIn(place, providers);
  if (settings.queue === 'delayed-jobs') await (await import('./worker.js')).addDelayedJobs(place);

  const workers = new Workers(place);
  let first = await workers.start();
  const second = await workers.start();
  const { fleet, close } = fleetOf(place);
  const notes: string[] = [];
  fleet.on('lanePaused', ({ lane, reason }) => notes.push(`${lane} is paused: ${reason}`));
  fleet.on('laneResumed', ({ lane }) => notes.push(`${lane} goes on, slowly at first`));
  const stopService = new AbortController();
  const service = fleet.run({ feed: false, work: false, signal: stopService.signal });

  const before = {
    redisMs: await redis.processorMs(),
    granted: (await ask<ProviderFigures>(providers, { ask: 'figures' })).granted,
  };
  const view = createView();
  for (let elapsed = 1; elapsed <= settings.seconds; elapsed++) {
    await Promise.all([pause(1_000), use(fleet, settings)]);
    if (!settings.calm) {
      if (elapsed === Math.floor(settings.seconds * 0.3)) providers.send({ ask: 'bad-day', isBad: true });
      if (elapsed === Math.floor(settings.seconds * 0.5)) providers.send({ ask: 'bad-day', isBad: false });
      if (elapsed === Math.floor(settings.seconds * 0.7)) {
        notes.push(`worker ${first.pid} is killed, and replaced`);
        first.kill('SIGKILL');
        first = await workers.start();
      }
    }
    view.draw(elapsed, fleet.getSnapshot(), await fleet.ended({ limit: 5 }), notes);
  }
  const after = await ask<ProviderFigures>(providers, { ask: 'figures' });
  const redisMs = (await redis.processorMs()) - before.redisMs;
  for (const worker of [first, second]) worker.kill('SIGTERM');
  await Promise.all([first, second].map((worker) => (worker.exitCode === null ? once(worker, 'exit') : undefined)));
  stopService.abort();
  await service;
  await fleet.stop();
  close();
  const code = summarize(settings, after, after.granted - before.granted, workers, redisMs);
  providers.kill();
  redis.child.kill();
  return code;
}

/** Requests use a few sessions a second, as customers do. */
async function use(fleet: ReturnType<typeof fleetOf>['fleet'], { sessions }: Settings): Promise<void> {
  const calls = Array.from({ length: 20 }, () =>
    fleet.session(keyOf(Math.floor(Math.random() * sessions))).getAccessToken(),
  );
  await Promise.allSettled(calls);
}

function summarize(
  settings: Settings,
  figures: ProviderFigures,
  granted: number,
  workers: Workers,
  redisMs: number,
): number {
  const healthy = LANES.filter((lane) => lane !== ILL || settings.calm);
  const late = healthy.reduce((sum, lane) => sum + (figures.late[lane] ?? 0), 0);
  const marginShare = figures.leastMarginMs / (settings.lifetime * 1_000);
  const lines: [string, string, boolean?][] = [
    ['refreshes a second', (granted / settings.seconds).toFixed(0), granted > 0],
    ['late, of healthy providers', String(late)],
    [
      'least margin',
      `${(figures.leastMarginMs / 1_000).toFixed(1)} s, ${(100 * marginShare).toFixed(0)} % of the lifetime`,
    ],
    ['sessions lost', String(figures.lost), figures.lost === 0],
    ['taken over', String(workers.sum('relieved'))],
    [
      'worker: processor time a refresh',
      `${(workers.sum('processorMs') / Math.max(1, workers.sum('refreshed'))).toFixed(2)} ms`,
    ],
    [
      'redis: processor time a refresh',
      `${(redisMs / Math.max(1, granted)).toFixed(2)} ms, ${(redisMs / settings.seconds / 1_000).toFixed(2)} of a core`,
    ],
  ];
  console.log(
    `\n${settings.sessions} sessions of ${settings.lifetime} s tokens, ${settings.queue}, ${settings.seconds} s`,
  );
  for (const [name, value, kept] of lines)
    console.log(`${name.padEnd(36)} ${value}${kept === false ? '   NOT KEPT' : ''}`);
  return lines.some(([, , kept]) => kept === false) ? 1 : 0;
}

try {
  process.exitCode = await run(readSettings(process.argv.slice(2)));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}
process.exit();
