// Refreshes what is due; started by main.ts, as often as there are workers.
import { setInterval } from 'node:timers';
import { runBossJobs, runBullJobs } from './delayed-jobs.js';
import { fleetOf, type Place } from './fleet-of.js';

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
  const { fleet, close } = fleetOf(place);
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
  const done = () => void count.refreshed++;
  if (place.settings.queue === 'delayed-jobs') await runBullJobs(place, end.signal, done);
  else if (place.settings.queue === 'pg-boss') await runBossJobs(place, end.signal, done);
  else await fleet.run({ signal: end.signal });
  await fleet.stop();
  clearInterval(timer);
  say();
  await close();
  process.disconnect();
}
