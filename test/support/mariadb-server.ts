import { join } from 'node:path';
import { type DatabaseServer, findCommand, startDatabase } from './database-server.js';

const install = findCommand([], 'mariadb-install-db');
const mariadbd = findCommand([], 'mariadbd');

/** MariaDB is installed, so that a server of our own can be started. */
export const hasMariadb = Boolean(install && mariadbd);

if (!hasMariadb && process.env.REQUIRE_MARIADB) {
  throw new Error('REQUIRE_MARIADB is set and there is no mariadbd: apt-get install mariadb-server');
}
if (!hasMariadb) console.info('Skipped: tests on MariaDB, which is not installed (apt-get install mariadb-server).');

/** On the small disk are the tables alone: without room for its logs and what they undo, the server ends itself. */
function apart(folder: string): string[] {
  const places = ['data-home', 'log-group-home', 'undo'].map((what) =>
    what === 'undo' ? `--innodb-undo-directory=${folder}` : `--innodb-${what}-dir=${folder}`,
  );
  return [...places, `--tmpdir=${folder}`, '--innodb-log-file-size=8M'];
}

/** Where it listens, as mysql2 takes it. */
export interface MariadbServer extends DatabaseServer {
  readonly socketPath: string;
}

/**
 * Starts a server of our own on a socket, with a database `test` and a user `root` without a password; on a disk of
 * `diskKb` that is full soon, or on that of the machine.
 */
export async function startMariadb(options: { args?: string[]; diskKb?: number } = {}): Promise<MariadbServer> {
  const server = await startDatabase({
    name: 'mariadb',
    user: 'mysql',
    socket: 's.sock',
    crash: 'SIGKILL',
    init: (data, folder) => [
      install ?? '',
      '--no-defaults',
      '--auth-root-authentication-method=normal',
      '--skip-name-resolve',
      `--datadir=${data}`,
      ...(options.diskKb ? apart(folder) : []),
    ],
    ...(options.diskKb && { diskKb: options.diskKb }),
    serve: (data, folder) => [
      mariadbd ?? '',
      '--no-defaults',
      '--skip-networking',
      '--skip-name-resolve',
      '--innodb-flush-log-at-trx-commit=2',
      '--innodb-buffer-pool-size=32M',
      ...(options.diskKb ? apart(folder) : []),
      `--datadir=${data}`,
      `--socket=${join(folder, 's.sock')}`,
      `--pid-file=${join(folder, 'pid')}`,
      ...(options.args ?? []),
    ],
  });
  return { ...server, socketPath: join(server.folder, 's.sock') };
}
