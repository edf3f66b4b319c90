// A million sessions in a due index, in memory, in Redis and in PostgreSQL: `npm run fleet:million`, or `-- 100000`
// for fewer; `--json FILE` writes the figures for `npm run fleet:sizing`. Holds to nothing; skips what is not installed.
import { writeFileSync } from 'node:fs';
import { type DueIndex, memoryDueIndex } from 'evertoken/fleet';
import { redisDueIndex } from 'evertoken/redis';
import { sqlDueIndex, sqlSchema } from 'evertoken/sql';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { dueEntry, dueMoment } from '../src/core/due.js';
import { hasPostgres, startPostgres } from '../test/support/postgres-server.js';
import { hasRedisServer, startRedis } from '../test/support/redis-server.js';

const words = process.argv.slice(2);
const jsonAt = words.indexOf('--json');
const COUNT = Number(words[0] && jsonAt !== 0 ? words[0] : 1_000_000);
const HOUR = 3_600_000;
const LANES = ['crm', 'mail', 'files'];
const RULE = { from: 0.5, until: 0.9, keepAliveMs: 24 * HOUR, takeoverMs: 5_000 };
const CLAIM = 100;
/** At a time, as one service would that imports customers. */
const AT_ONCE = 1_000;
/** As long as a record with an access token of 800 characters. */
const RECORD = 1_300;

/** What an index costs. */
interface IndexFigures {
  readonly bytesEach: number;
  readonly importS: number;
  /** Processor time of the store for one entry, in microseconds; undefined where it is this process, or is not known. */
  readonly storeUsEach?: number | undefined;
  /** Wall time of one claim of a hundred. */
  readonly claimMs: number;
}

const keyOf = (index: number) => `${LANES[index % LANES.length]}/customer-${index}`;
const laneOf = (index: number) => LANES[index % LANES.length] ?? '';

function entryOf(index: number, startedAt: number) {
  const issuedAt = startedAt + Math.floor((index / COUNT) * 60_000);
  const times = { issuedAt, expiresAt: issuedAt + HOUR };
  return dueEntry(keyOf(index), laneOf(index), times, RULE, startedAt);
}

/** Puts all entries, all due in the past, so that they can be claimed. */
async function fill(due: DueIndex): Promise<number> {
  const begun = performance.now();
  const startedAt = Date.now() - HOUR;
  for (let first = 0; first < COUNT; first += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, COUNT - first) }, (_, index) => first + index);
    await Promise.all(some.map((index) => due.put(keyOf(index), entryOf(index, startedAt))));
  }
  return (performance.now() - begun) / 1_000;
}

async function claimMs(due: DueIndex): Promise<number> {
  await due.claim('crm', { limit: CLAIM, forMs: 60_000 });
  const begun = performance.now();
  const rounds = 20;
  for (let round = 0; round < rounds; round++) await due.claim('crm', { limit: CLAIM, forMs: 60_000 });
  return (performance.now() - begun) / rounds;
}

async function inMemory(): Promise<IndexFigures> {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const due = memoryDueIndex();
  const importS = await fill(due);
  globalThis.gc?.();
  const bytesEach = (process.memoryUsage().heapUsed - before) / COUNT;
  return { bytesEach, importS, claimMs: await claimMs(due) };
}

async function inRedis(): Promise<IndexFigures> {
  const server = await startRedis({ own: true });
  const client = new Redis({ path: server.socket, enableAutoPipelining: true });
  const read = async (section: string, name: string) =>
    Number(new RegExp(`${name}:([\\d.]+)`).exec(await client.info(section))?.[1]);
  const processorS = async () => (await read('cpu', 'used_cpu_user')) + (await read('cpu', 'used_cpu_sys'));
  const [memory, processor] = [await read('memory', 'used_memory'), await processorS()];
  const due = redisDueIndex(client);
  const importS = await fill(due);
  const storeUsEach = (1e6 * ((await processorS()) - processor)) / COUNT;
  const bytesEach = ((await read('memory', 'used_memory')) - memory) / COUNT;
  const figures = { bytesEach, importS, storeUsEach, claimMs: await claimMs(due) };
  client.disconnect();
  await server.stop();
  return figures;
}

/** Rows with records, written by the database itself; what writing them one by one costs, `npm run fleet` measures. */
async function inPostgres(): Promise<IndexFigures & { readonly indexBytesEach: number }> {
  const server = await startPostgres({ args: ['shared_buffers=256MB', 'max_wal_size=4GB'] });
  const pool = new Pool({ host: server.folder, user: server.user, database: server.database });
  pool.on('error', () => undefined);
  await pool.query(sqlSchema('postgres'));
  const sizes = async () => {
    const { rows } = await pool.query(
      "select pg_table_size('evertoken_sessions') as data, pg_indexes_size('evertoken_sessions') as indices",
    );
    return rows[0] as { data: string; indices: string };
  };
  const begun = performance.now();
  const now = Date.now() - HOUR;
  await pool.query(`insert into evertoken_sessions
    (session_key, value, fence, lane, due_at, expires_at, used_at, lifetime_ms, keep_alive_at)
    select 'evertoken:' || lane || '/customer-' || n, record, 1, lane, ${now} + n % 1440000, ${now + HOUR}, ${now}, ${HOUR}, ${now + 24 * HOUR}
    from (select n, (array['crm', 'mail', 'files'])[1 + n % 3] as lane,
      (select string_agg(md5(n::text || part), '') from generate_series(1, ${Math.ceil(RECORD / 32)}) part) as record
      from generate_series(0, ${COUNT - 1}) n) made`);
  const importS = (performance.now() - begun) / 1_000;
  await pool.query('vacuum analyze evertoken_sessions');
  const { data, indices } = await sizes();
  const due = sqlDueIndex(pool);
  const figures = {
    bytesEach: Number(data) / COUNT,
    indexBytesEach: Number(indices) / COUNT,
    importS,
    claimMs: await claimMs(due),
  };
  await pool.end();
  await server.stop();
  return figures;
}

/** FL4: starts of all sessions within a minute, and how many are due in the busiest second of each of the first hours. */
function spread(): { readonly mean: number; readonly busiest: readonly number[] } {
  const hours = 8;
  const perSecond = new Uint32Array(hours * 3_600);
  for (let index = 0; index < COUNT; index++) {
    let issuedAt = Math.floor((index / COUNT) * 60_000);
    while (issuedAt < hours * HOUR) {
      const at = dueMoment(keyOf(index), { issuedAt, expiresAt: issuedAt + HOUR }, RULE) ?? Number.POSITIVE_INFINITY;
      const second = Math.floor(at / 1_000);
      if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
      issuedAt = at;
    }
  }
  const busiest = Array.from({ length: hours }, (_, hour) =>
    perSecond.subarray(hour * 3_600, (hour + 1) * 3_600).reduce((most, one) => Math.max(most, one), 0),
  );
  return { mean: COUNT / (0.7 * 3_600), busiest };
}

const { mean, busiest } = spread();
console.log(
  `${COUNT} sessions of one-hour tokens that start within a minute: ${mean.toFixed(0)} refreshes a second on average`,
);
console.log(
  `the busiest second of each hour: ${busiest.map((one) => `${one} (${(one / mean).toFixed(2)}×)`).join(', ')}`,
);
const memory = await inMemory();
const redis = hasRedisServer ? await inRedis() : undefined;
const postgres = hasPostgres ? await inPostgres() : undefined;
const rows = { memory, ...(redis && { Redis: redis }), ...(postgres && { PostgreSQL: postgres }) };
console.table(
  Object.fromEntries(
    Object.entries(rows).map(([name, figures]) => [
      name,
      {
        'bytes a session': Math.round(figures.bytesEach),
        'of indices': 'indexBytesEach' in figures ? Math.round(Number(figures.indexBytesEach)) : '-',
        'import, s': Number(figures.importS.toFixed(1)),
        'µs of the store each': figures.storeUsEach === undefined ? '-' : Number(figures.storeUsEach.toFixed(1)),
        'claim of 100 while all are due, ms': Number(figures.claimMs.toFixed(2)),
      },
    ]),
  ),
);
if (jsonAt >= 0) {
  const figures = { count: COUNT, mean, busiest, memory, redis, postgres };
  writeFileSync(words[jsonAt + 1] ?? 'fleet-million.json', `${JSON.stringify(figures, undefined, 2)}\n`);
}
process.exit();
