import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sqlSchema } from 'evertoken/sql';
import { Pool } from 'pg';

/** A PostgreSQL of one's own. */
export interface Postgres {
  /** The folder of its socket. */
  readonly folder: string;
  readonly child: ChildProcess;
  /** Processor time of all its processes so far. */
  processorMs(): Promise<number>;
  /** What the tables of evertoken and their indices take. */
  bytes(): Promise<number>;
}

const VERSIONS = '/usr/lib/postgresql';
const SETTINGS = ['listen_addresses=', 'synchronous_commit=off', 'shared_buffers=128MB', 'max_connections=60'];
const TICK_MS = 10;

/** How its clients find it. */
export function poolOf(folder: string, max: number): Pool {
  const pool = new Pool({ host: folder, user: 'postgres', database: 'postgres', max });
  pool.on('error', () => undefined); // it makes another connection
  return pool;
}

/** Starts one below a folder, as the user that Debian's package makes, and makes the tables of evertoken. */
export async function startPostgres(below: string): Promise<Postgres> {
  const [version] = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().reverse() : [];
  if (!version) throw new Error('Expected PostgreSQL: apt-get install postgresql');
  const folder = join(below, 'postgres');
  const data = join(folder, 'data');
  mkdirSync(folder);
  chmodSync(below, 0o755);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) spawnSync('chown', ['postgres:postgres', folder]);
  const as = isRoot ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : [];
  const program = (name: string) => join(VERSIONS, version, 'bin', name);
  const [init = '', ...rest] = [...as, program('initdb'), '-A', 'trust', '--no-sync', '-U', 'postgres', '-D', data];
  const made = spawnSync(init, rest, { cwd: folder, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
  const [serve = '', ...args] = [...as, program('postgres'), '-D', data, '-k', folder, ...settings];
  const child = spawn(serve, args, { cwd: folder, stdio: 'ignore' });
  await createTables(folder);
  return { folder, child, processorMs: async () => processorMs(child.pid ?? 0), bytes: () => tableBytes(folder) };
}

async function createTables(folder: string): Promise<void> {
  const pool = poolOf(folder, 1);
  for (let tries = 0; ; tries++) {
    try {
      await pool.query(sqlSchema('postgres'));
      return await pool.end();
    } catch (error) {
      if (tries > 300) throw error;
      await pause(100);
    }
  }
}

async function tableBytes(folder: string): Promise<number> {
  const pool = poolOf(folder, 1);
  await pool.query('vacuum evertoken_sessions');
  const { rows } = await pool.query("select pg_total_relation_size('evertoken_sessions') as bytes");
  await pool.end();
  return Number(rows[0]?.bytes);
}

/** Linux counts what ended children have used with their parent. */
function processorMs(parent: number): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
        .map(Number);
      const [, ppid = 0] = fields;
      const [own = 0, system = 0, ended = 0, endedSystem = 0] = fields.slice(11, 15);
      if (Number(pid) === parent || ppid === parent) ticks += own + system + ended + endedSystem;
    } catch {
      // has ended meanwhile
    }
  }
  return ticks * TICK_MS;
}
