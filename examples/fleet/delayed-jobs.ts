// What people do without a fleet: a delayed job per session, which refreshes it and adds the next one.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { PgBoss } from 'pg-boss';
import { fleetOf, type Place } from './fleet-of.js';
import { keyOf, LANES } from './settings.js';

const CONCURRENCY = 32 * LANES.length;
const NAME = 'refresh';
/** Of pg-boss: jobs at a time, and how many such batches at once. */
const BATCH = 24;

/** When the job of a session comes up first, in milliseconds: as if its customer were of long standing. */
function firstDelay({ settings }: Place): number {
  return settings.lifetime * 1_000 * (0.3 * Math.random());
}

/** Refreshes a session, and says in how many milliseconds it is to be refreshed again. */
async function refresh(open: ReturnType<typeof fleetOf>['open'], key: string): Promise<number> {
  const tokens = open(key);
  try {
    await tokens.refresh();
    const { expiresAt = 0, issuedAt = 0 } = tokens.getSnapshot();
    return (expiresAt - issuedAt) * (0.5 + 0.4 * Math.random());
  } finally {
    tokens.dispose();
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));

/** With BullMQ, until the signal aborts; `done` after each refresh. */
export async function runBullJobs(place: Place, signal: AbortSignal, done: () => void): Promise<void> {
  const connection = new Redis({ path: place.socket, maxRetriesPerRequest: null });
  const { open, close } = fleetOf(place);
  const queue = new Queue('delayed', { connection });
  const work = async ({ data: { key } }: { data: { key: string } }) => {
    const delay = await refresh(open, key);
    await queue.add(NAME, { key }, { delay, removeOnComplete: true, removeOnFail: true });
    done();
  };
  const worker = new Worker('delayed', work, { connection, concurrency: CONCURRENCY });
  worker.on('error', () => undefined);
  await aborted(signal);
  await worker.close();
  await queue.close();
  connection.disconnect();
  await close();
}

/** With pg-boss, until the signal aborts. */
export async function runBossJobs(place: Place, signal: AbortSignal, done: () => void): Promise<void> {
  const boss = await startBoss(place);
  const { open, close } = fleetOf(place);
  const options = { batchSize: BATCH, localConcurrency: CONCURRENCY / BATCH, pollingIntervalSeconds: 0.5 };
  await boss.work<{ key: string }>(NAME, options, async (jobs) => {
    const next = await Promise.all(
      jobs.map(async ({ data: { key } }) => {
        const delayMs = await refresh(open, key);
        done();
        return { data: { key }, startAfter: new Date(Date.now() + delayMs) };
      }),
    );
    await boss.insert(NAME, next);
  });
  await aborted(signal);
  await boss.stop({ graceful: true, timeout: 5_000 });
  await close();
}

/** The first job of each session, as a service would add it at the sign-in. */
export async function addBullJobs(place: Place): Promise<void> {
  const connection = new Redis({ path: place.socket, maxRetriesPerRequest: null });
  const queue = new Queue('delayed', { connection });
  const jobs = Array.from({ length: place.settings.sessions }, (_, index) => ({
    name: NAME,
    data: { key: keyOf(index) },
    opts: { delay: firstDelay(place), removeOnComplete: true, removeOnFail: true },
  }));
  await queue.addBulk(jobs);
  await queue.close();
  connection.disconnect();
}

/** The same for pg-boss. */
export async function addBossJobs(place: Place): Promise<void> {
  const boss = await startBoss(place);
  await boss.createQueue(NAME);
  const jobs = Array.from({ length: place.settings.sessions }, (_, index) => ({
    data: { key: keyOf(index) },
    startAfter: new Date(Date.now() + firstDelay(place)),
  }));
  await boss.insert(NAME, jobs);
  await boss.stop({ graceful: true, timeout: 5_000 });
}

async function startBoss({ socket }: Place): Promise<PgBoss> {
  const boss = new PgBoss({ host: socket, user: 'postgres', database: 'postgres', max: 10 });
  boss.on('error', () => undefined);
  await boss.start();
  return boss;
}
