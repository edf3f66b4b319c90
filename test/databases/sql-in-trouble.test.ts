import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { sqlLock, sqlStorage } from '../../src/adapters/sql.js';
import { isRetryable, isTokenError, type TokenManager } from '../../src/index.js';
import { hasMariadb, startMariadb } from '../support/mariadb-server.js';
import { hasPostgres, startPostgres } from '../support/postgres-server.js';
import {
  connectBetterSqlite3,
  connectMysql2,
  connectNodeSqlite,
  connectPg,
  connectPostgresJs,
  engines,
  migrate,
  type SqlConnection,
} from '../support/sql-clients.js';
import { signInOn } from '../support/sql-session.js';

const KEY = 'evertoken:direct';
const secret = 'rt-canary-77ab';
const never = new AbortController().signal;
const failure = (call: PromiseLike<unknown>) => Promise.resolve(call).catch((error: unknown) => error);
const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

interface Trouble {
  readonly reads?: 'go on';
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
  /** What the error of a write says. */
  readonly says: RegExp;
}

/** A session lives through a trouble: typed errors meanwhile, nothing lost, and it goes on without a restart. */
async function liveThrough(connection: SqlConnection, { reads, begin, end, says }: Trouble): Promise<void> {
  const storage = sqlStorage(connection.db);
  const lock = sqlLock(connection.db);
  const tokens: TokenManager = await signInOn(connection, 'user');
  const ended: unknown[] = [];
  tokens.on('sessionEnded', (event) => ended.push(event));
  const { sessionId } = tokens.getSnapshot();
  await storage.setItem(KEY, `before ${secret}`);
  await lock.run(KEY, never, async () => undefined);

  await begin();
  const errors = await Promise.all([
    failure(storage.setItem(KEY, `lost ${secret}`)),
    failure(storage.removeItem(KEY)),
    failure(lock.run(KEY, never, async () => 'ran')),
    failure(tokens.refresh()),
  ]);
  for (const error of errors) {
    expect(isTokenError(error) && isRetryable(error), inspect(error)).toBe(true);
    expect(inspect(error, { depth: 9 })).not.toMatch(/rt-canary/);
  }
  expect(errors.map((error) => (error as Error).name)).toMatchObject(['StorageError', 'StorageError', 'LockError', {}]);
  expect((errors[0] as Error).message).toMatch(says);
  const read = await failure(storage.getItem(KEY));
  if (reads) expect(read).toBe(`before ${secret}`);
  else expect(read).toMatchObject({ code: 'ERR_STORAGE_READ' });
  expect(await tokens.getAccessToken()).toMatch(/^at-/);

  await end();
  await vi.waitFor(async () => expect(await storage.getItem(KEY)).toBe(`before ${secret}`), { timeout: 10_000 });
  await vi.waitFor(() => storage.setItem(KEY, 'after'), { timeout: 10_000 });
  expect(await sqlStorage(connection.db).getItem(KEY)).toBe('after');
  expect(await lock.run(KEY, never, async () => 'ran')).toBe('ran');
  await vi.waitFor(() => tokens.refresh(), { timeout: 10_000 });
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', sessionId, error: undefined });
  expect(ended).toEqual([]);
  tokens.dispose();
}

const title =
  'ST4 Database away, read-only, out of space, failing over: typed errors, nothing lost, recovery without a restart';

describe(title, { timeout: 60_000 }, () => {
  describe.skipIf(!hasPostgres).each([
    ['pg', connectPg],
    ['postgres.js', connectPostgresJs],
  ])('PostgreSQL by %s', (_, connect) => {
    const EVERY_CLIENT =
      "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";

    async function start(args: string[] = [], connections = 2) {
      const server = await startPostgres({ args });
      const connection = await connect(server, { connections });
      const admin = await connectPg(server, { connections: 1 });
      undo.push(
        () => server.stop(),
        () => Promise.race([connection.close(), new Promise((resolve) => setTimeout(resolve, 2_000))]),
        () => admin.close(),
      );
      await migrate(connection, 'postgres');
      return { server, connection, admin };
    }

    test('stopped like by a power cut, and started again, without its leases', async () => {
      const { server, connection } = await start();
      await liveThrough(connection, { begin: server.kill, end: server.start, says: /could|ECONN|ENOENT|CONNECTION/i });
    });

    test('read-only, as a replica is', async () => {
      const { connection, admin } = await start();
      const turn = async (to: string) => {
        await admin.command(`alter system set default_transaction_read_only = ${to}`);
        await admin.command('select pg_reload_conf()');
        await vi.waitFor(
          async () => {
            const shown = await Promise.all([1, 2].map(() => connection.command('show default_transaction_read_only')));
            expect(shown.flat()).toEqual([1, 2].map(() => ({ default_transaction_read_only: to })));
          },
          { timeout: 15_000 },
        );
      };
      const end = async () => {
        await admin.command('set default_transaction_read_only = off');
        await turn('off');
      };
      await liveThrough(connection, { reads: 'go on', begin: () => turn('on'), end, says: /25006.*primary/ });
    });

    test('every connection killed', async () => {
      const { connection, admin } = await start();
      await outliveKills(connection, () => admin.command(EVERY_CLIENT));
    });

    test('every connection killed, and asked again in the moment in which a failure is told', async () => {
      const { connection, admin } = await start([], 10);
      await outliveKillsAskedAgain(connection, admin, {
        pause: 'select pg_sleep(0.02)',
        hold: ['begin', 'lock table evertoken_sessions in access exclusive mode'],
        waiting: "select 1 from pg_stat_activity where wait_event_type = 'Lock'",
        kill: EVERY_CLIENT,
        letGo: 'rollback',
      });
    });

    test('statements that take longer than their timeout', async () => {
      const { connection, admin } = await start(['statement_timeout=300']);
      const begin = async () => {
        await admin.command('set statement_timeout = 0');
        await admin.command('begin');
        await admin.command('lock table evertoken_sessions, evertoken_locks in access exclusive mode');
      };
      await liveThrough(connection, { begin, end: () => admin.command('rollback'), says: /57014.*timeout/ });
    });
  });

  describe.skipIf(process.getuid?.() !== 0).each([
    {
      name: 'PostgreSQL',
      isThere: hasPostgres,
      dialect: 'postgres',
      start: () => startPostgres({ diskKb: 64_000 }),
      connect: connectPg as never,
      says: /53100.*full/,
    },
    {
      name: 'MariaDB',
      isThere: hasMariadb,
      dialect: 'mysql',
      start: () => startMariadb({ diskKb: 32_000 }),
      connect: connectMysql2 as never,
      says: /ER_RECORD_FILE_FULL.*full/,
    },
  ] as const)('on a disk that is full', ({ name, isThere, dialect, start, connect, says }) => {
    test.skipIf(!isThere)(name, async () => {
      const server = await start();
      const connection = await (connect as (to: unknown, options: object) => Promise<SqlConnection>)(server, {
        connections: 2,
      });
      undo.push(
        () => server.stop(),
        () => connection.close(),
      );
      await migrate(connection, dialect);
      const storage = sqlStorage(connection.db);
      await storage.setItem(KEY, `before ${secret}`);
      const tokens = await signInOn(connection, 'user');
      const { sessionId } = tokens.getSnapshot();
      const ballast = join(server.disk, 'ballast');
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k']); // until nothing is left
      // the last pages still take some; PostgreSQL compresses what it can
      const record = () => randomBytes(1_500).toString('hex');
      const writes: unknown[] = [];
      for (let index = 0; index < 5_000 && !(writes.at(-1) instanceof Error); index++) {
        writes.push(await failure(storage.setItem(`${KEY}-${index}`, record())));
      }
      const refused = writes.filter((error) => error instanceof Error);
      for (const error of refused) {
        expect(error).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
        expect(isRetryable(error)).toBe(true);
      }
      const meanwhile = await failure(tokens.refresh());
      expect(meanwhile === undefined || isRetryable(meanwhile), inspect(meanwhile)).toBe(true);
      expect(await tokens.getAccessToken()).toMatch(/^at-/);
      rmSync(ballast);
      expect(refused.length).toBeGreaterThan(0);
      expect(inspect(refused)).toMatch(says);
      expect(await storage.getItem(KEY)).toBe(`before ${secret}`);
      const after = record();
      await storage.setItem(KEY, after);
      expect(await storage.getItem(KEY)).toBe(after);
      await sqlLock(connection.db).run(KEY, never, async () => undefined);
      await vi.waitFor(() => tokens.refresh(), { timeout: 10_000 });
      expect(tokens.getSnapshot()).toMatchObject({ status: 'active', sessionId, error: undefined });
      tokens.dispose();
    });
  });

  describe.skipIf(!hasMariadb)('MariaDB by mysql2', () => {
    async function start(connections = 2) {
      const server = await startMariadb();
      const admin = await connectMysql2(server, { connections: 1 });
      await migrate(admin, 'mysql');
      await admin.command("create user app@localhost identified by ''");
      await admin.command('grant select, insert, update on test.* to app@localhost');
      const connection = await connectMysql2(server, { connections, user: 'app' });
      undo.push(
        () => server.stop(),
        () => connection.close().catch(() => undefined),
        () => admin.close().catch(() => undefined),
      );
      return { server, connection, admin };
    }

    test('stopped like by a power cut, and started again', async () => {
      const { server, connection } = await start();
      await liveThrough(connection, { begin: server.kill, end: server.start, says: /ECONN|ENOENT|PROTOCOL/ });
    });

    test('read-only, as a replica is', async () => {
      const { connection, admin } = await start();
      await liveThrough(connection, {
        reads: 'go on',
        begin: () => admin.command('set global read_only = 1'),
        end: () => admin.command('set global read_only = 0'),
        says: /ER_OPTION_PREVENTS_STATEMENT.*primary/,
      });
    });

    test('every connection killed', async () => {
      const { connection, admin } = await start();
      await outliveKills(connection, () => admin.command('kill user app@localhost'));
    });

    test('every connection killed, and asked again in the moment in which a failure is told', async () => {
      const { connection, admin } = await start(10);
      await outliveKillsAskedAgain(connection, admin, {
        pause: 'select sleep(0.02)',
        hold: ['lock tables evertoken_sessions write'],
        waiting: "select 1 from information_schema.processlist where state like 'Waiting for table%'",
        kill: 'kill user app@localhost',
        letGo: 'unlock tables',
      });
    });

    test('statements that take longer than their timeout', async () => {
      const { connection, admin } = await start();
      await Promise.all([1, 2].map(() => connection.command('set session max_statement_time = 0.3')));
      const begin = () => admin.command('lock tables evertoken_sessions write, evertoken_locks write');
      await liveThrough(connection, {
        begin,
        end: () => admin.command('unlock tables'),
        says: /ERRNO_1969.*timeout/,
      });
    });
  });

  describe.each([
    ['node:sqlite', connectNodeSqlite],
    ['better-sqlite3', connectBetterSqlite3],
  ])('SQLite by %s', (_, connect) => {
    async function start() {
      const [engine] = engines.filter(({ dialect }) => dialect === 'sqlite');
      const started = await engine?.start();
      const connection = await connect(started?.server as never);
      const other = await connect(started?.server as never);
      undo.push(
        async () => started?.stop(),
        () => connection.close(),
        () => other.close(),
      );
      await migrate(connection, 'sqlite');
      return { connection, other };
    }

    test('read-only', async () => {
      const { connection } = await start();
      await liveThrough(connection, {
        reads: 'go on',
        begin: () => connection.command('pragma query_only = on'),
        end: () => connection.command('pragma query_only = off'),
        says: /SQLITE_(READONLY|8)\..*read-only/,
      });
    });

    test('out of space', async () => {
      const { connection } = await start();
      const storage = sqlStorage(connection.db);
      await storage.setItem(KEY, secret);
      await connection.command('pragma max_page_count = 1');
      const error = await failure(storage.setItem(`${KEY}-2`, 'x'.repeat(100_000)));
      expect(error).toMatchObject({
        code: 'ERR_STORAGE_WRITE',
        message: expect.stringMatching(/SQLITE_(FULL|13)\..*full/),
      });
      expect(isRetryable(error)).toBe(true);
      expect(await storage.getItem(KEY)).toBe(secret);
      await connection.command('pragma max_page_count = 1000000');
      await storage.setItem(`${KEY}-2`, 'x'.repeat(100_000));
    });

    test('a file that another process is writing to is waited for, without holding up this one', async () => {
      const { connection, other } = await start();
      const storage = sqlStorage(connection.db);
      await storage.setItem(KEY, 'before');
      await other.command('begin immediate');
      let isDone = false;
      const write = storage.setItem(KEY, 'after').then(() => {
        isDone = true;
      });
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(isDone).toBe(false);
      expect(await storage.getItem(KEY)).toBe('before');
      await other.command('commit');
      await write;
      expect(await storage.getItem(KEY)).toBe('after');
    });
  });
});

/** Calls under way when all connections are killed succeed or can be tried again, and the session goes on. */
async function outliveKills(connection: SqlConnection, killAll: () => Promise<unknown>): Promise<void> {
  const storage = sqlStorage(connection.db);
  const tokens = await signInOn(connection, 'user');
  await storage.setItem(KEY, secret);
  for (let round = 0; round < 5; round++) {
    const calls = Array.from({ length: 10 }, () => failure(storage.getItem(KEY)));
    await killAll();
    for (const outcome of await Promise.all(calls)) {
      expect(outcome === secret || isRetryable(outcome), inspect(outcome)).toBe(true);
    }
    await vi.waitFor(async () => expect(await storage.getItem(KEY)).toBe(secret), { timeout: 10_000 });
    await vi.waitFor(() => tokens.refresh(), { timeout: 10_000 });
  }
  expect(tokens.getSnapshot().status).toBe('active');
  tokens.dispose();
}

/** Statements that hold the sessions up, show who waits for them, and end every connection but the one that says so. */
interface Kill {
  readonly pause: string;
  readonly hold: readonly string[];
  readonly waiting: string;
  readonly kill: string;
  readonly letGo: string;
}

/** Four of ten connections wait, six are idle: whoever hears of a failure asks again before the others are known to be gone. */
async function outliveKillsAskedAgain(connection: SqlConnection, admin: SqlConnection, kill: Kill): Promise<void> {
  const storage = sqlStorage(connection.db);
  await storage.setItem(KEY, secret);
  const read = () => failure(storage.getItem(KEY));
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 10 }, () => failure(connection.command(kill.pause)))); // all are open
    for (const statement of kill.hold) await admin.command(statement);
    const outcomes = Array.from({ length: 4 }, async () => [
      await read(),
      ...(await Promise.all(Array.from({ length: 9 }, read))),
    ]);
    const waiting = () => admin.command(kill.waiting);
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(4), { timeout: 15_000 });
    await admin.command(kill.kill);
    await admin.command(kill.letGo);
    const all = (await Promise.all(outcomes)).flat();
    for (const outcome of all) expect(outcome === secret || isRetryable(outcome), inspect(outcome)).toBe(true);
  }
  await vi.waitFor(async () => expect(await storage.getItem(KEY)).toBe(secret), { timeout: 10_000 });
}
