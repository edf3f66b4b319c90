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

/** Where it listens, as mysql2 takes it. */
export interface MariadbServer extends DatabaseServer {
  readonly socketPath: string;
}

/** Starts a server of our own on a socket, with a database `test` and a user `root` without a password. */
export async function startMariadb(options: { args?: string[] } = {}): Promise<MariadbServer> {
  const server = await startDatabase({
    name: 'mariadb',
    user: 'mysql',
    socket: 's.sock',
    crash: 'SIGKILL',
    init: (data) => [
      install ?? '',
      '--no-defaults',
      '--auth-root-authentication-method=normal',
      '--skip-name-resolve',
      `--datadir=${data}`,
    ],
    serve: (data, folder) => [
      mariadbd ?? '',
      '--no-defaults',
      '--skip-networking',
      '--skip-name-resolve',
      '--innodb-flush-log-at-trx-commit=2',
      '--innodb-buffer-pool-size=32M',
      `--datadir=${data}`,
      `--socket=${join(folder, 's.sock')}`,
      `--pid-file=${join(folder, 'pid')}`,
      ...(options.args ?? []),
    ],
  });
  return { ...server, socketPath: join(server.folder, 's.sock') };
}
