// A fleet in small: 10 000 sessions of three providers, of which one has bad days, two workers of which one is killed, and a
// service that uses some sessions; a few customers leave. `npm run fleet`; needs redis-server, or PostgreSQL; ends by itself.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { addBossJobs, addBullJobs } from './delayed-jobs.js';
import { fleetOf, type Place } from './fleet-of.js';
import { startPostgres } from './postgres.js';
import type { ProviderFigures, ProviderRequest } from './providers.js';
import { ENGINES, ILL, isOnPostgres, keyOf, LANES, readSettings, type Settings, USAGE } from './settings.js';
import { createView } from './view.js';
import type { WorkerFigures } from './worker.js';

const BATCH = 200;
/** How many customers take back what they allowed us: too few for a provider to be braked for it. */
const LEAVING = 12;
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

/** Redis or PostgreSQL. */
interface Store {
  readonly socket: string;
  readonly processorMs: () => Promise<number>;
  /** Memory, or tables. */
  readonly bytes: () => Promise<number>;
  readonly child: ChildProcess;
}

async function startStore({ queue }: Settings): Promise<Store> {
  const below = join(folder, queue);
  mkdirSync(below);
  if (!isOnPostgres(queue)) return startRedis(below);
  chmodSync(folder, 0o755);
  const postgres = await startPostgres(below);
  children.add(postgres.child);
  return { ...postgres, socket: postgres.folder };
}

async function startRedis(below: string): Promise<Store> {
  const socket = join(below, 's');
  const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', below];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  children.add(child);
  await Promise.race([
    once(child, 'error').then(() => Promise.reject(new Error('Expected redis-server: apt-get install redis-server'))),
    (async () => {
      while (!existsSync(socket)) await pause(20);
    })(),
  ]);
  const read = async (section: string, ...names: string[]) => {
    const { Redis } = await import('ioredis');
    const redis = new Redis({ path: socket });
    const info = await redis.info(section);
    redis.disconnect();
    return names.reduce((sum, name) => sum + Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]), 0);
  };
  return {
    socket,
    child,
    processorMs: async () => 1_000 * (await read('cpu', 'used_cpu_user', 'used_cpu_sys')),
    bytes: () => read('memory', 'used_memory'),
  };
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
  await close();
}

async function run(settings: Settings): Promise<Figures> {
  const store = await startStore(settings);
  const providers = start('providers.ts', String(settings.lifetime));
  const [addresses] = await once(providers, 'message');
  const place: Place = { settings, socket: store.socket, addresses };
  const empty = await store.bytes();
  await signIn(place, providers);
  const bytesEach = ((await store.bytes()) - empty) / settings.sessions;
  if (settings.queue === 'delayed-jobs') await addBullJobs(place);
  if (settings.queue === 'pg-boss') await addBossJobs(place);

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
    storeMs: await store.processorMs(),
    granted: (await ask<ProviderFigures>(providers, { ask: 'figures' })).granted,
  };
  const view = createView();
  for (let elapsed = 1; elapsed <= settings.seconds; elapsed++) {
    await Promise.all([pause(1_000), use(fleet, settings)]);
    if (!settings.calm) {
      if (elapsed === Math.ceil(settings.seconds * 0.1)) {
        notes.push(`${LEAVING} customers leave: each is told as ended when it is due`);
        providers.send({ ask: 'leave', keys: Array.from({ length: LEAVING }, (_, index) => keyOf(index)) });
      }
      if (elapsed === Math.floor(settings.seconds * 0.3)) providers.send({ ask: 'bad-day', isBad: true });
      if (elapsed === Math.floor(settings.seconds * 0.5)) providers.send({ ask: 'bad-day', isBad: false });
      if (elapsed === Math.floor(settings.seconds * 0.7)) {
        notes.push(`worker ${first.pid} is killed, and replaced`);
        first.kill('SIGKILL');
        first = await workers.start();
      }
    }
    view.draw(elapsed, fleet.getSnapshot(), await fleet.ended({ limit: 100 }), notes);
  }
  const after = await ask<ProviderFigures>(providers, { ask: 'figures' });
  const { length: ended } = await fleet.ended({ limit: 100 });
  const storeMs = (await store.processorMs()) - before.storeMs;
  for (const worker of [first, second]) worker.kill('SIGTERM');
  await Promise.all([first, second].map((worker) => (worker.exitCode === null ? once(worker, 'exit') : undefined)));
  stopService.abort();
  await service;
  await fleet.stop();
  await close();
  providers.kill();
  store.child.kill();
  const granted = after.granted - before.granted;
  return { ...figuresOf(settings, after, granted, workers, storeMs), bytesEach, ended };
}

/** Requests use a few sessions a second, as customers do. */
async function use(fleet: ReturnType<typeof fleetOf>['fleet'], { sessions }: Settings): Promise<void> {
  const calls = Array.from({ length: 20 }, () =>
    fleet.session(keyOf(Math.floor(Math.random() * sessions))).getAccessToken(),
  );
  await Promise.allSettled(calls);
}

/** What came of one run. */
interface Figures {
  readonly queue: Settings['queue'];
  readonly perSecond: number;
  /** Refreshes that came after the access token had expired, of providers that were well. */
  readonly late: number;
  readonly leastMarginMs: number;
  readonly lost: number;
  readonly relieved: number;
  /** Processor time for one refresh, in milliseconds. */
  readonly workerMs: number;
  readonly storeMs: number;
  /** How much of a core the store has used. */
  readonly storeCores: number;
  /** Of the store, for a session: its record, and its entry in the index. */
  readonly bytesEach: number;
  /** Sessions that were listed as ended. */
  readonly ended: number;
}

function figuresOf(
  settings: Settings,
  { late, leastMarginMs, lost }: ProviderFigures,
  granted: number,
  workers: Workers,
  storeMs: number,
): Omit<Figures, 'bytesEach' | 'ended'> {
  const healthy = LANES.filter((lane) => lane !== ILL || settings.calm);
  return {
    queue: settings.queue,
    perSecond: granted / settings.seconds,
    late: healthy.reduce((sum, lane) => sum + (late[lane] ?? 0), 0),
    leastMarginMs,
    lost,
    relieved: workers.sum('relieved'),
    workerMs: workers.sum('processorMs') / Math.max(1, workers.sum('refreshed')),
    storeMs: storeMs / Math.max(1, granted),
    storeCores: storeMs / settings.seconds / 1_000,
  };
}

function summarize(settings: Settings, figures: Figures): number {
  const { perSecond, late, leastMarginMs, lost, relieved, workerMs, storeMs, storeCores, bytesEach, ended } = figures;
  const share = leastMarginMs / (settings.lifetime * 1_000);
  const store = isOnPostgres(settings.queue) ? 'postgres' : 'redis';
  const lines: [string, string, boolean?][] = [
    ['refreshes a second', perSecond.toFixed(0), perSecond > 0],
    ['late, of healthy providers', String(late)],
    ['least margin', `${(leastMarginMs / 1_000).toFixed(1)} s, ${(100 * share).toFixed(0)} % of the lifetime`],
    ['sessions lost', String(lost), lost === 0],
    ['taken over', String(relieved)],
    ['listed as ended', settings.calm ? String(ended) : `${ended} of ${LEAVING} who left`, ended <= LEAVING],
    ['worker: processor time a refresh', `${workerMs.toFixed(2)} ms`],
    [`${store}: processor time a refresh`, `${storeMs.toFixed(2)} ms, ${storeCores.toFixed(2)} of a core`],
    [`${store}: bytes a session`, bytesEach.toFixed(0)],
  ];
  console.log(
    `\n${settings.sessions} sessions of ${settings.lifetime} s tokens, ${settings.queue}, ${settings.seconds} s`,
  );
  for (const [name, value, kept] of lines)
    console.log(`${name.padEnd(36)} ${value}${kept === false ? '   NOT KEPT' : ''}`);
  return lines.some(([, , kept]) => kept === false) ? 1 : 0;
}

/** One engine after the other, each with a store of its own, in the same run. */
async function compare(given: Settings): Promise<number> {
  const all: Figures[] = [];
  let code = 0;
  for (const queue of ENGINES) {
    const settings = { ...given, queue, calm: true };
    const figures = await run(settings);
    all.push(figures);
    code = Math.max(code, summarize(settings, figures));
  }
  console.table(
    Object.fromEntries(
      all.map((one) => [
        one.queue,
        {
          'refreshes a second': Math.round(one.perSecond),
          late: one.late,
          'least margin, s': Number((one.leastMarginMs / 1_000).toFixed(1)),
          lost: one.lost,
          'worker, ms each': Number(one.workerMs.toFixed(2)),
          'store, ms each': Number(one.storeMs.toFixed(2)),
          'store, cores': Number(one.storeCores.toFixed(2)),
          'bytes a session': Math.round(one.bytesEach),
        },
      ]),
    ),
  );
  const { seconds, sessions, lifetime, json } = given;
  if (json) writeFileSync(json, `${JSON.stringify({ seconds, sessions, lifetime, engines: all }, undefined, 2)}\n`);
  return code;
}

try {
  const settings = readSettings(process.argv.slice(2));
  process.exitCode = settings.compare ? await compare(settings) : summarize(settings, await run(settings));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}
process.exit();
