// Kills and stops workers of a fleet with 32 exchanges in flight, whose answers come 150 ms late:
// `npm run fleet:kills`, or `-- 2` for two of each, `-- 2 PostgreSQL` for those whose name has that word.

import { sqlSchema } from 'evertoken/sql';
import pg from 'pg';
import { hasPostgres, startPostgres } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-server.js';
import { play, type Scenario, type Tally } from './fleet/scenario.js';

const rounds = Number(process.argv[2] ?? 20);
/** `takeoverMs` and a second; a few rounds are no measurement, and run beside other things. */
const LONGEST_RELIEF_MS = rounds < 20 ? 9_000 : 6_000;
const LONGEST_END_MS = 15_000;

const redis = await startRedis({ own: true });
const store = { redis: redis.socket };
const scenarios: Scenario[] = [
  { name: 'killed, 10 s forgiven', signal: 'SIGKILL', reuseWindowMs: 10_000, store, rounds },
  { name: 'killed, nothing forgiven', signal: 'SIGKILL', reuseWindowMs: 0, store, rounds },
  { name: 'stopped, nothing forgiven', signal: 'SIGTERM', reuseWindowMs: 0, store, rounds },
];
const postgres = hasPostgres ? await startPostgres() : undefined;
if (postgres) {
  const client = new pg.Client({ host: postgres.folder, user: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query(sqlSchema('postgres'));
  await client.end();
  const name = 'PostgreSQL: killed, 10 s forgiven';
  scenarios.push({ name, signal: 'SIGKILL', reuseWindowMs: 10_000, store: { postgres: postgres.folder }, rounds });
}
const chosen = scenarios.filter(({ name }) => name.includes(process.argv[3] ?? ''));
const tallies = await Promise.all(chosen.map(play));
await redis.stop();
await postgres?.stop();

console.table(
  Object.fromEntries(
    tallies.map((tally) => [
      tally.name,
      {
        rounds: tally.rounds,
        'in flight': tally.inFlight,
        lost: tally.lost,
        'told so': tally.told,
        'lost without an answer on the way': tally.others,
        'relieved after ms': tally.relievedMs || '-',
        'ended after ms': tally.endedMs,
        forgotten: tally.forgotten,
      },
    ]),
  ),
);

/** What must hold. */
function complaints({ name, lost, told, others, relievedMs, endedMs, forgotten, rounds }: Tally): string[] {
  const isForgiven = name.includes('10 s forgiven');
  const isStopped = name.startsWith('stopped');
  const rules: [boolean, string][] = [
    [told === lost, `${lost - told} lost sessions were not told`],
    [others === 0, `${others} sessions were lost whose answer was not on the way`],
    [!isForgiven || lost <= Math.ceil(rounds / 20), `${lost} sessions were lost although the provider forgives`],
    [!isStopped || lost === 0, `${lost} sessions were lost to a stop`],
    [isStopped || relievedMs <= LONGEST_RELIEF_MS, `relief took ${relievedMs} ms`],
    [endedMs <= LONGEST_END_MS, `a process ended after ${endedMs} ms`],
    [forgotten === 0, `${forgotten} sessions were not refreshed`],
  ];
  return rules.filter(([isKept]) => !isKept).map(([, text]) => `${name}: ${text}`);
}

const all = tallies.flatMap(complaints);
for (const complaint of all) console.error(complaint);
process.exit(all.length > 0 ? 1 : 0);
