// Eight processes, one session, fifty rounds with a SIGKILL each; and one process that is stopped with the lock in its
// hands. On a file and on Redis: `npm run test:processes`, or `-- 10` for ten rounds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasRedisServer, startRedis } from '../support/redis-server.js';
import { playRounds, type Tally } from './rounds.js';
import { playStop, type StopTally } from './stop.js';

const rounds = Number(process.argv[2] ?? 50);
const results: Record<string, Tally> = {};
const stops: Record<string, StopTally> = {};

const folder = mkdtempSync(join(tmpdir(), 'evertoken-processes-'));
results.file = await playRounds({ file: join(folder, 'credentials.json') }, { rounds });
stops.file = await playStop({ file: join(folder, 'another.json') });
rmSync(folder, { recursive: true });

if (hasRedisServer) {
  for (const library of ['ioredis', 'node-redis']) {
    const server = await startRedis({ own: true });
    const redis = { library, socket: server.socket, leaseMs: 2_000 };
    results[`redis, ${library}`] = await playRounds({ redis }, { rounds });
    stops[`redis, ${library}`] = await playStop({ redis: { ...redis, leaseMs: 30_000 } });
    await server.stop();
  }
} else {
  console.log('skipped: redis (no redis-server; apt-get install redis-server)');
}

console.table(
  Object.fromEntries(
    Object.entries(results).map(([where, tally]) => [
      where,
      {
        rounds: tally.rounds,
        'one request': tally.oneRequest,
        'asked again': tally.askedAgain,
        'killed while refreshing': tally.killedRefreshing,
        'families revoked': tally.revoked,
        'median ms': tally.medianRoundMs,
        'slowest ms': tally.slowestRoundMs,
        'looks at the file': tally.looks || '-',
        faults: tally.faults.length,
      },
    ]),
  ),
);
console.table(
  Object.fromEntries(
    Object.entries(stops).map(([where, { stoppedMs, answer, faults }]) => [
      where,
      { 'stopped with the lock for ms': stoppedMs, 'its caller got': answer, 'overwrote something': faults.length > 0 },
    ]),
  ),
);
const faults = [...Object.entries(results), ...Object.entries(stops)].flatMap(([where, tally]) =>
  tally.faults.map((fault) => `${where}: ${fault}`),
);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
