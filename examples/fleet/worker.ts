// Refreshes what is due; started by main.ts, as often as there are workers.
import { setInterval } from 'node:timers';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { fleetOf, type Place } from './fleet-of.js';
import { keyOf, LANES } from './settings.js';

/** What a worker says once a second. */
export interface WorkerFigures {
  readonly refreshed: number;
  readonly failed: number;
  readonly relieved: number;
  /** Processor time so far, in milliseconds. */
  readonly processorMs: number;
}

process.once('message', (place: Place) => void run(place));
process.on('disconnect', () => process.exit());

async function run(place: Place): Promise<void> {
  const { fleet, client, close } = fleetOf(place);
  const count = { refreshed: 0, failed: 0, relieved: 0 };
  fleet.on('refreshed', () => void count.refreshed++);
  fleet.on('refreshFailed', () => void count.failed++);
  fleet.on('workerRelieved', () => void count.relieved++);
  const say = () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ ...count, processorMs: (user + system) / 1_000 } satisfies WorkerFigures);
  };
  const timer = setInterval(say, 1_000);
  const end = new AbortController();
  process.once('SIGTERM', () => end.abort());
  process.send?.('ready');
  if (place.settings.queue === 'delayed-jobs') await runDelayedJobs(place, end.signal, () => void count.refreshed++);
  else await fleet.run({ signal: end.signal });
  await fleet.stop();
  clearInterval(timer);
  say();
  client.disconnect();
  close();
  process.disconnect();
}

/** What people do without a fleet: a delayed job per session, which refreshes it and adds the next one. */
async function runDelayedJobs(
  { settings, socket, ...place }: Place,
  signal: AbortSignal,
  done: () => void,
): Promise<void> {
  const connection = new Redis({ path: socket, maxRetriesPerRequest: null });
  const { open, close } = fleetOf({ settings: { ...settings, queue: 'in-process' }, socket, ...place });
  const queue = new Queue('delayed', { connection });
  const work = async ({ data: { key } }: { data: { key: string } }) => {
    const tokens = open(key);
    await tokens.refresh();
    const { expiresAt = 0, issuedAt = 0 } = tokens.getSnapshot();
    tokens.dispose();
    const delay = (expiresAt - issuedAt) * (0.5 + 0.4 * Math.random());
    await queue.add('refresh', { key }, { delay, removeOnComplete: true, removeOnFail: true });
    done();
  };
  const worker = new Worker('delayed', work, { connection, concurrency: 32 * LANES.length });
  worker.on('error', () => undefined);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await worker.close();
  await queue.close();
  connection.disconnect();
  close();
}

/** The first job of each session, as a service would add it at the sign-in. */
export async function addDelayedJobs({ settings, socket }: Place): Promise<void> {
  const connection = new Redis({ path: socket, maxRetriesPerRequest: null });
  const queue = new Queue('delayed', { connection });
  const opts = () => ({
    delay: settings.lifetime * 1_000 * (0.3 * Math.random()),
    removeOnComplete: true,
    removeOnFail: true,
  });
  const jobs = Array.from({ length: settings.sessions }, (_, index) => ({
    name: 'refresh',
    data: { key: keyOf(index) },
    opts: opts(),
  }));
  await queue.addBulk(jobs);
  await queue.close();
  connection.disconnect();
}
