import { setTimeout as pause } from 'node:timers/promises';
import { startJob } from './job.js';
import { createScreen } from './screen.js';
import { readSettings, type Settings, USAGE } from './settings.js';
import { summarize } from './summary.js';

/** Runs the demonstration; resolves with the exit code. */
async function run(settings: Settings): Promise<number> {
  const screen = createScreen(settings);
  const job = await startJob(settings, {
    refreshed: ({ startedAt, endedAt, expiresAt }) => {
      const left = (expiresAt - endedAt) / 1_000;
      const when = left >= 0 ? `${left.toFixed(1)} s before expiry` : `${(-left).toFixed(1)} s after expiry`;
      screen.note(`refreshed ${when}, in ${endedAt - startedAt} ms`);
    },
    fault: screen.note,
  });
  screen.begin(job);
  await pause(settings.seconds * 1_000);
  await job.end();
  const lines = summarize(job, settings);
  screen.end(lines);
  return lines.some(({ kept }) => kept === false) ? 1 : 0;
}

try {
  const [first, name, ...more] = process.argv.slice(2);
  const isGameDay = first === '--scenario' && more.length === 0;
  const settings = isGameDay ? undefined : readSettings(process.argv.slice(2));
  if (isGameDay) process.exitCode = await (await import('../game-days/main.js')).runGameDay(name);
  else if (settings) process.exitCode = await run(settings);
  else console.log(USAGE);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}
