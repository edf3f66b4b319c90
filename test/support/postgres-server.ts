import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DatabaseServer, findCommand, startDatabase } from './database-server.js';

const folders = versions('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
const initdb = findCommand(folders, 'initdb');
const postgres = findCommand(folders, 'postgres');
const pgIsReady = findCommand(folders, 'pg_isready');

/** PostgreSQL is installed, so that a server of our own can be started. */
export const hasPostgres = Boolean(initdb && postgres && pgIsReady);

if (!hasPostgres && process.env.REQUIRE_POSTGRES) {
  throw new Error('REQUIRE_POSTGRES is set and there is no initdb: apt-get install postgresql');
}
if (!hasPostgres) console.info('Skipped: tests on PostgreSQL, which is not installed (apt-get install postgresql).');

/** Where it listens, as pg and postgres.js take it. */
export interface PostgresServer extends DatabaseServer {
  readonly user: 'postgres';
  readonly database: 'postgres';
}

/** Starts a server of our own on a socket; `args` are settings such as `max_connections=20`. */
export async function startPostgres(options: { args?: string[]; diskKb?: number } = {}): Promise<PostgresServer> {
  const settings = ['listen_addresses=', 'fsync=off', 'shared_buffers=16MB', ...(options.args ?? [])];
  const server = await startDatabase({
    name: 'postgres',
    user: 'postgres',
    socket: '.s.PGSQL.5432',
    crash: 'SIGQUIT',
    isReady: (folder) => spawnSync(pgIsReady ?? '', ['-q', '-h', folder]).status === 0,
    init: (data, folder) => [
      initdb ?? '',
      '--auth=trust',
      '--no-sync',
      '--username=postgres',
      '--encoding=UTF8',
      '--locale=C',
      ...(options.diskKb ? [`--waldir=${join(folder, 'wal')}`] : []), // without room for it the server panics
      '-D',
      data,
    ],
    serve: (data, folder) => [
      postgres ?? '',
      '-D',
      data,
      '-k',
      folder,
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    ...(options.diskKb && { diskKb: options.diskKb }),
  });
  return { ...server, user: 'postgres', database: 'postgres' };
}

function versions(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => findCommand([join(folder, name, 'bin')], 'initdb'));
  } catch {
    return [];
  }
}
