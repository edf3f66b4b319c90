import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asUser, findCommand, isListening } from './database-server.js';
import type { PostgresServer } from './postgres-server.js';

const pgbouncer = findCommand([], 'pgbouncer');

/** PgBouncer is installed. */
export const hasPgbouncer = Boolean(pgbouncer);
if (!hasPgbouncer && process.env.REQUIRE_POSTGRES) {
  throw new Error('REQUIRE_POSTGRES is set and there is no pgbouncer: apt-get install pgbouncer');
}
if (!hasPgbouncer) console.info('Skipped: tests behind PgBouncer, which is not installed (apt-get install pgbouncer).');

/** A pooler in transaction mode with two connections to the server; what it gives is where it listens. */
export async function startPgbouncer(server: PostgresServer): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-pgbouncer-'));
  chmodSync(folder, 0o777);
  writeFileSync(join(folder, 'users'), '"postgres" ""\n');
  writeFileSync(
    join(folder, 'ini'),
    `[databases]
postgres = host=${server.folder} dbname=postgres pool_size=2
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = ${folder}
auth_type = trust
auth_file = ${join(folder, 'users')}
pool_mode = transaction
max_client_conn = 200
server_reset_query_always = 1
`,
  );
  const [command = '', ...words] = asUser('postgres', [pgbouncer ?? '', '-q', join(folder, 'ini')]);
  const child: ChildProcess = spawn(command, words, { cwd: folder, stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  for (let tries = 0; !(await isListening(join(folder, '.s.PGSQL.5432'))); tries++) {
    if (tries > 500 || child.exitCode !== null) throw new Error('pgbouncer does not listen');
    await sleep(20);
  }
  return {
    ...server,
    folder,
    async stop() {
      process.off('exit', kill);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
