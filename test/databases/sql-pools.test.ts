import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlLock } from '../../src/adapters/sql.js';
import { hasMariadb, startMariadb } from '../support/mariadb-server.js';
import { hasPgbouncer, startPgbouncer } from '../support/pgbouncer.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../support/postgres-server.js';
import {
  connectMysql2,
  connectNodeSqlite,
  connectPg,
  connectPostgresJs,
  engines,
  migrate,
  type SqlConnection,
} from '../support/sql-clients.js';
import { signInOn } from '../support/sql-session.js';

const SESSIONS = 100;

/** A hundred sessions whose exchanges are all under way at once, and what `look` sees meanwhile. */
async function refreshAtOnce(connection: SqlConnection, prefix: string, look = async () => undefined as unknown) {
  let inside = 0;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let isFull = () => {};
  const full = new Promise<void>((resolve) => {
    isFull = resolve;
  });
  const exchange = () => {
    if (++inside === SESSIONS) isFull();
    return gate;
  };
  const all = Array.from({ length: SESSIONS }, (_, index) => signInOn(connection, `${prefix}-${index}`, exchange));
  const managers = await Promise.all(all);
  const before = await Promise.all(managers.map((tokens) => tokens.getAccessToken()));
  const refreshes = Promise.all(managers.map((tokens) => tokens.refresh()));
  await full;
  const seen = await look();
  open();
  await refreshes;
  const after = await Promise.all(managers.map((tokens) => tokens.getAccessToken()));
  expect(new Set([...before, ...after]).size).toBe(2 * SESSIONS);
  for (const tokens of managers) tokens.dispose();
  return seen;
}

describe('ST2 A pool of two connections and a hundred sessions never deadlocks: no connection is held during an exchange', () => {
  describe.skipIf(!hasPostgres)('PostgreSQL', () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    }, 60_000);
    afterAll(() => server?.stop());

    test.each([
      ['pg', connectPg],
      ['postgres.js', connectPostgresJs],
    ])(
      'by %s',
      async (name, connect) => {
        const connection = await connect(server, { connections: 2 });
        await migrate(connection, 'postgres');
        const watcher = await connectPg(server, { connections: 1 });
        const busy = () =>
          watcher.command(
            "select state from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle'",
          );
        expect(await refreshAtOnce(connection, name, busy)).toEqual([]);
        await Promise.all([connection.close(), watcher.close()]);
      },
      60_000,
    );
  });

  test.skipIf(!hasMariadb)(
    'MariaDB by mysql2',
    async () => {
      const server = await startMariadb();
      const connection = await connectMysql2(server, { connections: 2 });
      await migrate(connection, 'mysql');
      const watcher = await connectMysql2(server, { connections: 1 });
      const busy = () =>
        watcher.command(
          "select command from information_schema.processlist where id <> connection_id() and user = 'root' and command <> 'Sleep'",
        );
      const open = () => watcher.command('select trx_id from information_schema.innodb_trx');
      expect(await refreshAtOnce(connection, 'mysql2', async () => [...(await busy()), ...(await open())])).toEqual([]);
      await Promise.all([connection.close(), watcher.close()]);
      await server.stop();
    },
    60_000,
  );

  test('SQLite, where another connection can write meanwhile', async () => {
    const [engine] = engines.filter(({ name }) => name === 'SQLite by node:sqlite');
    const started = await engine?.start();
    const connection = await connectNodeSqlite(started?.server as never);
    await migrate(connection, 'sqlite');
    const other = await connectNodeSqlite(started?.server as never);
    const write = () => sqlLock(other.db).run('another', new AbortController().signal, async () => 'written');
    expect(await refreshAtOnce(connection, 'sqlite', write)).toBe('written');
    await Promise.all([connection.close(), other.close()]);
    await started?.stop();
  }, 60_000);
});

describe.skipIf(!hasPgbouncer || !hasPostgres)('ST3 Works behind a pooler in transaction mode', () => {
  let server: PostgresServer;
  let pooler: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    pooler = await startPgbouncer(server);
  }, 60_000);
  afterAll(async () => {
    await pooler?.stop();
    await server?.stop();
  });

  test.each([
    ['pg', connectPg],
    // postgres.js writes its queries one behind the other, and behind PgBouncer 1.18 some of them are never answered
  ])(
    'by %s, with ten connections in front of two',
    async (name, connect) => {
      const connection = await connect(pooler, { connections: 10 });
      await migrate(connection, 'postgres');
      await refreshAtOnce(connection, name);
      let inside = 0;
      const lock = sqlLock(connection.db);
      await Promise.all(
        Array.from({ length: 20 }, () =>
          lock.run('one', new AbortController().signal, async () => {
            expect(++inside).toBe(1);
            await new Promise((resolve) => setImmediate(resolve));
            inside--;
          }),
        ),
      );
      await connection.close();
    },
    60_000,
  );
});
