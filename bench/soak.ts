// The demonstration with chaos for a long time: `npm run soak -- --minutes 10`. Fails if memory, handles or timers grow.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Clock, inProcess } from 'evertoken';
import { type Job, startJob } from '../examples/demonstration/job.js';
import { failuresOf, requestsOf } from '../examples/demonstration/meter.js';
import { count } from '../examples/demonstration/summary.js';
import { median } from './measure.mjs';

/** What is there while every caller rests. */
interface Sample {
  readonly heapBytes: number;
  /** What keeps the process running: sockets, servers, timers. */
  readonly handles: number;
  /** Timers of the manager, those included that keep nothing running. */
  readonly timers: number;
}

/** By how much each figure may be larger at the end than at the beginning: a part of it, and so much besides. */
const MAY_GROW: Readonly<Record<keyof Sample, { part: number; besides: number }>> = {
  heapBytes: { part: 0.02, besides: 300_000 },
  handles: { part: 0.25, besides: 20 },
  timers: { part: 0, besides: 3 },
};
const CALLERS = 200;
const SAMPLES = 24;
/** The first samples, while pools fill and code is compiled. */
const WARM_UP = 6;

/** A clock that knows how many of its tasks wait. */
function countTimers(clock: Clock): { clock: Clock; readonly timers: number } {
  const waiting = new Set<object>();
  return {
    clock: {
      now: clock.now,
      after: (delayMs, task, options) => {
        const token = {};
        waiting.add(token);
        const cancel = clock.after(
          delayMs,
          () => {
            waiting.delete(token);
            task();
          },
          options,
        );
        return () => {
          waiting.delete(token);
          cancel();
        };
      },
    },
    get timers() {
      return waiting.size;
    },
  };
}

/** Lets every caller finish, collects garbage and counts what is left. */
async function takeSample({ callers }: Job, counted: { readonly timers: number }): Promise<Sample> {
  await callers.hold();
  for (let round = 0; round < 3; round++) {
    await pause(20);
    globalThis.gc?.();
  }
  const { heapUsed: heapBytes } = process.memoryUsage();
  const sample = { heapBytes, handles: process.getActiveResourcesInfo().length, timers: counted.timers };
  callers.resume();
  return sample;
}

/** The figures that grew, in words. */
function growth(samples: readonly Sample[]): string[] {
  const steady = samples.slice(WARM_UP);
  const third = Math.floor(steady.length / 3);
  return (Object.keys(MAY_GROW) as (keyof Sample)[]).flatMap((name) => {
    const first = median(steady.slice(0, third).map((sample) => sample[name]));
    const last = median(steady.slice(-third).map((sample) => sample[name]));
    const { part, besides } = MAY_GROW[name];
    console.log(`  ${name.padEnd(10)} ${count(first).padStart(12)} at first, ${count(last).padStart(12)} at last`);
    return last > first * (1 + part) + besides ? [`${name} grew from ${count(first)} to ${count(last)}`] : [];
  });
}

async function soak(minutes: number): Promise<number> {
  const counted = countTimers(inProcess().clock);
  const settings = { callers: CALLERS, seconds: minutes * 60, chaos: true };
  const platform = { ...inProcess(), clock: counted.clock };
  const job = await startJob(settings, { refreshed: () => {}, fault: () => {} }, { platform, keepRequests: 100 });
  const samples: Sample[] = [];
  console.log(`\n  ${CALLERS} callers for ${minutes} min, and a token endpoint that fails two times in three\n`);
  const startedAt = Date.now();
  for (let taken = 1; taken <= SAMPLES; taken++) {
    await pause(Math.max(0, startedAt + (taken * minutes * 60_000) / SAMPLES - Date.now()));
    const sample = await takeSample(job, counted);
    samples.push(sample);
    const { meter, log, faults } = job;
    const figures = [
      `${((Date.now() - startedAt) / 60_000).toFixed(1)} min`.padStart(9),
      `${(sample.heapBytes / 1e6).toFixed(1)} MB`.padStart(9),
      `${sample.handles} handles`.padStart(12),
      `${sample.timers} timers`.padStart(9),
      `${count(requestsOf(meter))} requests`.padStart(19),
      `${log.refreshes.length} refreshes`.padStart(14),
      `${faults?.total ?? 0} faults`.padStart(11),
      `${log.signOuts.length} sign-outs`.padStart(12),
    ];
    console.log(figures.join(''));
  }
  await job.end();
  console.log('');
  const problems = growth(samples);
  console.log(`  the longest wait for an access token was ${(job.meter.longestWaitMs / 1_000).toFixed(1)} s`);
  if (job.log.signOuts.length > 0) problems.push(`sign-outs: ${job.log.signOuts.join()}`);
  if (failuresOf(job.meter) > 0) problems.push(`failures: ${[...job.meter.failures].join('; ')}`);
  if (job.meter.refusedInVain > 0) problems.push('callers were refused although a usable access token was there');
  // an exchange that was under way at the end still has its deadline
  for (let waited = 0; counted.timers > 0 && waited < 5_000; waited += 100) await pause(100);
  if (counted.timers > 0) problems.push(`${counted.timers} timers were left after dispose()`);
  console.log(problems.length === 0 ? '\n  Nothing grew.\n' : `\n  ${problems.join('\n  ')}\n`);
  return problems.length === 0 ? 0 : 1;
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } });
const minutes = Number(values.minutes);
if (minutes >= 0.5 && minutes <= 1_440) {
  process.exitCode = await soak(minutes);
} else {
  console.error(`Expected --minutes to be a number from 0.5 to 1440, got ${values.minutes}.`);
  process.exitCode = 2;
}
