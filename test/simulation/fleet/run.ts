import { type Order, runSeeds } from '../seed-runner.js';
import { mutations } from './mutations.js';
import { simulate } from './simulate.js';

/** The command line of the fleet's simulation; resolves with the exit code. */
export function run(order: Order): Promise<number> {
  return runSeeds(
    {
      command: 'npm run simulate:fleet',
      worker: 'test/simulation/fleet/worker.ts',
      simulate,
      mutations,
      describe: ({ requests, longestMs }) =>
        `${requests} refresh requests; what a process that died had begun was taken over after ${longestMs} ms at most`,
    },
    order,
  );
}
