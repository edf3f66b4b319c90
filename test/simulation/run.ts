import { mutations } from './mutations.js';
import { type Order, runSeeds } from './seed-runner.js';
import { simulate } from './simulate.js';

/** The command line of the simulation; resolves with the exit code. */
export function run(order: Order): Promise<number> {
  return runSeeds(
    {
      command: 'npm run simulate',
      worker: 'test/simulation/worker.ts',
      simulate,
      mutations,
      describe: ({ requests, mostRequestsPerHour, longestMs }) =>
        `${requests} refresh requests, at most ${Math.ceil(mostRequestsPerHour)} an hour beside those asked for by name; nobody waited longer than ${longestMs} ms`,
    },
    order,
  );
}
