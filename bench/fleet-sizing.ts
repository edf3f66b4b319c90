// What fleets of several sizes need, reckoned from what was measured: `npm run fleet:sizing`, or `-- --write` to put it
// into docs/fleet.md. The figures come from `npm run fleet -- 60 --sessions 10000 --lifetime 36 --compare --json bench/figures/fleet.json`
// and `npm run fleet:million -- 1000000 --json bench/figures/fleet-million.json`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const read = (name: string): unknown => JSON.parse(readFileSync(join(root, 'bench', 'figures', name), 'utf8'));

interface Measured {
  readonly engines: readonly {
    readonly queue: string;
    readonly workerMs: number;
    readonly storeMs: number;
    readonly bytesEach: number;
  }[];
}

interface IndexFigures {
  readonly bytesEach: number;
  readonly indexBytesEach?: number;
  readonly importS: number;
  readonly storeUsEach?: number;
  readonly claimMs: number;
}

interface Million {
  readonly count: number;
  readonly mean: number;
  /** Refreshes in the busiest second of each hour. */
  readonly busiest: readonly number[];
  readonly memory: IndexFigures;
  readonly redis?: IndexFigures;
  readonly postgres?: IndexFigures;
}

const { engines } = read('fleet.json') as Measured;
const million = read('fleet-million.json') as Million;

/** A refresh comes after this share of the lifetime, on average. */
const SHARE = 0.7;
const DAY_S = 86_400;
/** A worker process is busy to this share of a core at most, and one process is there to spare. */
const BUSY = 0.7;
/** An access token of this many characters comes on top of the short ones that were measured. */
const TOKEN = 800;

interface Fleet {
  readonly name: string;
  readonly sessions: number;
  readonly hotShare: number;
  readonly lifetimeS: number;
}

const hour = { lifetimeS: 3_600 };
const FLEETS: readonly Fleet[] = [
  { name: '1 000, all in use', sessions: 1e3, hotShare: 1, ...hour },
  { name: '10 000, all in use', sessions: 1e4, hotShare: 1, ...hour },
  { name: '100 000, all in use', sessions: 1e5, hotShare: 1, ...hour },
  { name: '100 000, all in use, tokens of five minutes', sessions: 1e5, hotShare: 1, lifetimeS: 300 },
  { name: '1 000 000, a tenth in use', sessions: 1e6, hotShare: 0.1, ...hour },
  { name: '1 000 000, all in use', sessions: 1e6, hotShare: 1, ...hour },
];

function engine(queue: string): Measured['engines'][0] {
  const found = engines.find((one) => one.queue === queue);
  if (!found) throw new Error(`Expected figures of ${queue} in bench/figures/fleet.json; measure them with --compare.`);
  return found;
}

const onRedis = engine('in-process');
const onBull = engine('bullmq');
const onPostgres = engine('postgres');

/** Two digits that mean something. */
const about = (value: number): string => (value >= 10 ? value.toFixed(0) : Number(value.toPrecision(2)).toString());
const size = (bytes: number): string => (bytes >= 1e9 ? `${about(bytes / 1e9)} GB` : `${about(bytes / 1e6)} MB`);

function row({ name, sessions, hotShare, lifetimeS }: Fleet): string {
  const perSecond = (sessions * hotShare) / (SHARE * lifetimeS) + (sessions * (1 - hotShare)) / DAY_S;
  const cores = (ms: number) => (perSecond * ms) / 1_000;
  const workers = (ms: number) => Math.ceil(cores(ms) / BUSY) + 1;
  const cells = [
    name,
    about(perSecond),
    `${workers(onRedis.workerMs)}, ${about(cores(onRedis.workerMs))}`,
    `${about(cores(onRedis.storeMs))}, ${size(sessions * (onRedis.bytesEach + TOKEN))}`,
    `+ ${about(cores(Math.max(0, onBull.workerMs - onRedis.workerMs)))}, + ${about(cores(onBull.storeMs - onRedis.storeMs))}`,
    `${workers(onPostgres.workerMs)}, ${about(cores(onPostgres.workerMs))}`,
    `${about(cores(onPostgres.storeMs))}, ${size(sessions * (onPostgres.bytesEach + TOKEN))}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const table = [
  '| Sessions | refreshes a second | on Redis: worker processes, cores | Redis: cores, memory | with BullMQ: workers, Redis | on PostgreSQL: worker processes, cores | PostgreSQL: cores, disk |',
  '|---|--:|--:|--:|--:|--:|--:|',
  ...FLEETS.map(row),
  '',
  `Of the memory, the index takes ${Math.round(million.redis?.bytesEach ?? Number.NaN)} bytes a session in Redis; ${Math.round(million.memory.bytesEach)} in the memory of one process.`,
].join('\n');

function indexRow(name: string, figures: IndexFigures | undefined): string[] {
  if (!figures) return [];
  const { bytesEach, indexBytesEach, importS, claimMs } = figures;
  const bytes =
    indexBytesEach === undefined ? about(bytesEach) : `${about(bytesEach)}, and ${about(indexBytesEach)} of indices`;
  return [`| ${name} | ${bytes} | ${about(importS)} s | ${about(claimMs)} ms |`];
}

const { count, mean, busiest } = million;
const millionTable = [
  '| Index | bytes a session | import | a claim of 100 while all are due |',
  '|---|--:|--:|--:|',
  ...indexRow('`memoryDueIndex`', million.memory),
  ...indexRow('`redisDueIndex`', million.redis),
  ...indexRow('`sqlDueIndex` on PostgreSQL, with records of 1.3 kB', million.postgres),
  '',
  `${count.toLocaleString('en').replaceAll(',', ' ')} one-hour sessions are ${about(mean)} refreshes a second on average. In the first hour after they have`,
  `started within one minute, the busiest second has ${about(busiest[0] ?? 0)} (the lane's rate bounds it), in the second ${about(busiest[1] ?? 0)}, in the fourth`,
  `${about(busiest[3] ?? 0)}, in the eighth ${about(busiest[7] ?? 0)}.`,
].join('\n');

console.log(`${millionTable}\n\n${table}`);
if (process.argv.includes('--write')) {
  const page = join(root, 'docs', 'fleet.md');
  const text = put(put(readFileSync(page, 'utf8'), 'million', millionTable), 'sizing', table);
  writeFileSync(page, text);
}

/** Replaces what stands between two marks. */
function put(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Expected the marks of ${name} in docs/fleet.md.`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
