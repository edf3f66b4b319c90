import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encrypted, reseal, staticKeys } from '../../src/adapters/encryption.js';
import { type SqlLike, sqlDueIndex, sqlLock, sqlSchema, sqlStorage } from '../../src/adapters/sql.js';
import { createTokenManager, isRetryable } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import { engines, migrate, type SqlConnection, statementsOf } from '../support/sql-clients.js';

const secret = 'rt-canary-77ab';
const never = new AbortController().signal;
const failure = (call: PromiseLike<unknown>) => Promise.resolve(call).catch((error: unknown) => error);

for (const { name, dialect, isThere, start, connect } of engines) {
  describe.skipIf(!isThere)(name, () => {
    let engine: Awaited<ReturnType<typeof start>>;
    let connection: SqlConnection;
    beforeAll(async () => {
      engine = await start();
      connection = await connect(engine.server as never);
      await migrate(connection, dialect);
    }, 60_000);
    afterAll(async () => {
      await connection?.close();
      await engine?.stop();
    });
    const rowOf = async (prefix: string, key: string) => {
      const [row] = await connection.command(`select * from ${prefix}sessions where session_key = '${key}'`);
      return row ?? {};
    };
    const number = (value: unknown) => (value === null ? null : Number(value));

    describe('ST5 A schema that is newer or missing is a typed error that says what to run', () => {
      test('missing, until it was run', async () => {
        const prefix = 'late_';
        const [storage, lock] = [sqlStorage(connection.db, { prefix }), sqlLock(connection.db, { prefix })];
        const says = expect.stringContaining(
          `Run what sqlSchema('${dialect}', { prefix: 'late_' }) gives as a migration.`,
        );
        const errors = await Promise.all([
          failure(storage.getItem('a')),
          failure(storage.setItem('a', secret)),
          failure(lock.run('a', never, async () => undefined)),
        ]);
        expect(errors).toMatchObject([
          { code: 'ERR_STORAGE_READ', message: says },
          { code: 'ERR_STORAGE_WRITE', message: says },
          { code: 'ERR_LOCK_TIMEOUT', message: says },
        ]);
        expect(inspect(errors, { depth: 9 })).not.toContain(secret);
        await migrate(connection, dialect, prefix);
        await storage.setItem('a', 'value');
        expect(await storage.getItem('a')).toBe('value');
        expect(await lock.run('a', never, async () => 'ran')).toBe('ran');
      });

      test('run again, it does no harm', async () => {
        await sqlStorage(connection.db).setItem('b', 'value');
        await migrate(connection, dialect);
        expect(await sqlStorage(connection.db).getItem('b')).toBe('value');
      });

      test('newer, which is not touched', async () => {
        await migrate(connection, dialect, 'newer_');
        await connection.command('insert into newer_schema (version) values (7)');
        const storage = sqlStorage(connection.db, { prefix: 'newer_' });
        const error = await failure(storage.setItem('a', secret));
        expect(error).toMatchObject({
          code: 'ERR_STORAGE_WRITE',
          message: expect.stringMatching(/version 7, and this evertoken knows 1; update evertoken/),
        });
        expect(await rowOf('newer_', 'a')).toEqual({});
        await connection.command('delete from newer_schema where version = 7');
        await storage.setItem('a', 'value');
      });

      test('a table that goes away later, with the prefix that is asked for', async () => {
        await migrate(connection, dialect, 'shop_');
        const storage = sqlStorage(connection.db, { prefix: 'shop_' });
        await storage.setItem('a', 'value');
        await connection.command('drop table shop_sessions');
        expect(await failure(storage.getItem('a'))).toMatchObject({
          code: 'ERR_STORAGE_READ',
          message: expect.stringContaining(`sqlSchema('${dialect}', { prefix: 'shop_' })`),
        });
      });
    });

    describe('ST6 Record and due moment change in one statement', () => {
      /** The database, and the texts of the statements that it is given. */
      function counting(): { db: SqlLike; texts: string[] } {
        const texts: string[] = [];
        const db = new Proxy(connection.db, {
          get(inner, name) {
            const member = Reflect.get(inner, name);
            if (!['query', 'execute', 'unsafe', 'prepare'].includes(String(name))) return member;
            return (text: string, ...rest: unknown[]) => {
              texts.push(text);
              return member.call(inner, text, ...rest);
            };
          },
        });
        return { db, texts };
      }

      test('and stay together whatever is written or removed', async () => {
        const storage = sqlStorage(connection.db);
        const due = { lane: 'acme', at: 1_800_000_000_000, expiresAt: 1_800_000_600_000 };
        const columns = async () => {
          const { value, lane, due_at, expires_at, fence } = await rowOf('evertoken_', 'due');
          return { value, lane, due_at: number(due_at), expires_at: number(expires_at), fence: number(fence) };
        };
        await storage.setItem('due', 'first', { fence: 5, due });
        const written = { value: 'first', lane: 'acme', due_at: due.at, expires_at: due.expiresAt, fence: 5 };
        expect(await columns()).toEqual(written);
        expect(await failure(storage.setItem('due', 'late', { fence: 4, due: { at: 1 } }))).toMatchObject({
          code: 'ERR_STORAGE_WRITE',
          message: expect.stringContaining('too late'),
        });
        expect(await columns()).toEqual(written);
        await storage.setItem('due', 'second', { fence: 6 });
        expect(await columns()).toEqual({ ...written, value: 'second', fence: 6 });
        await storage.setItem('due', 'third', { due: { at: 7 } });
        expect(await columns()).toEqual({ value: 'third', lane: '', due_at: 7, expires_at: null, fence: 6 });
        expect(await failure(storage.removeItem('due', { fence: 5 }))).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
        await storage.removeItem('due', { fence: 8 });
        expect(await columns()).toEqual({ value: null, lane: '', due_at: null, expires_at: null, fence: 8 });
      });

      test.skipIf(name === 'MariaDB by mysql2')('by none that writes one of the two', async () => {
        const { db, texts } = counting();
        const storage = sqlStorage(db);
        for (const text of ['one', 'two', 'three']) await storage.setItem('counted', text, { due: { at: 9 } });
        await storage.removeItem('counted');
        await storage.removeItem('counted', { fence: 1 });
        const writes = texts.filter((text) => /^(insert|update|delete)/.test(text));
        // SQLite prepares each text once; MySQL tries to change a row before it makes one
        expect(writes.length).toBe({ postgres: 5, mysql: 6, sqlite: 3 }[dialect]);
        for (const text of writes) expect(text).toMatch(/value.*due_at/);
      });
    });

    test('removing what is not there leaves no row, unless a fence has to be remembered', async () => {
      const storage = sqlStorage(connection.db);
      await storage.removeItem('nobody');
      expect(await rowOf('evertoken_', 'nobody')).toEqual({});
      await storage.removeItem('nobody', { fence: 3 });
      expect(await failure(storage.setItem('nobody', 'late', { fence: 2 }))).toMatchObject({
        code: 'ERR_STORAGE_WRITE',
      });
      expect(await storage.getItem('nobody')).toBeNull();
    });

    test('a write under a lock that was taken over is refused, also where the database has forgotten its leases', async () => {
      const [storage, lock] = [sqlStorage(connection.db), sqlLock(connection.db)];
      const grants: number[] = [];
      for (let round = 0; round < 3; round++) {
        await lock.run('fenced', never, async ({ fence = 0 }) => {
          grants.push(fence);
          await storage.setItem('fenced', `round ${round}`, { fence });
        });
        await connection.command('delete from evertoken_locks'); // as after a crash
      }
      expect(grants).toEqual([...new Set(grants)].sort((a, b) => a - b));
      expect(await failure(storage.setItem('fenced', 'late', { fence: grants[1] ?? 0 }))).toMatchObject({
        code: 'ERR_STORAGE_WRITE',
      });
      expect(await storage.getItem('fenced')).toBe('round 2');
    });

    test('a clock that was set back gives no smaller fence than the one that was written under', async () => {
      const future = Date.now() * 1_000 + 3_600_000_000;
      const [storage, lock] = [sqlStorage(connection.db), sqlLock(connection.db)];
      await storage.setItem('clock', 'before', { fence: future });
      const fence = await lock.run('clock', never, async (lease) => lease.fence ?? 0);
      expect(fence).toBeGreaterThan(future);
      await storage.setItem('clock', 'after', { fence });
    });

    test('the keys are those of all values, page by page, and reseal goes through them', async () => {
      await migrate(connection, dialect, 'many_');
      const plain = sqlStorage(connection.db, { prefix: 'many_' });
      const keys = Array.from({ length: 1_001 }, (_, index) => `evertoken:ä-${String(index).padStart(4, '0')}`);
      const old = staticKeys({ id: 'old', key: new Uint8Array(32).fill(1) });
      const store = encrypted(plain, old);
      for (const key of keys) await store.setItem(key, `${secret} of ${key}`);
      await store.setItem('evertoken:gone', secret);
      await store.removeItem('evertoken:gone');
      const found: string[] = [];
      for await (const key of plain.keys()) found.push(key);
      expect(found).toEqual(keys);
      const dump = inspect(await connection.command('select value from many_sessions'), {
        maxArrayLength: null,
        maxStringLength: null,
      });
      expect(dump).not.toContain('canary');
      const next = staticKeys(
        { id: 'new', key: new Uint8Array(32).fill(2) },
        { id: 'old', key: new Uint8Array(32).fill(1) },
      );
      const lock = sqlLock(connection.db, { prefix: 'many_' });
      const few = keys.slice(0, 30);
      expect(await reseal(encrypted(plain, next), few, { lock })).toEqual({ resealed: 30, left: {} });
      expect(await encrypted(plain, next).getItem(few[7] ?? '')).toBe(`${secret} of ${few[7]}`);
    }, 60_000);

    test('a key that no index holds is refused, and none is cut off', async () => {
      const storage = sqlStorage(connection.db);
      const longest = 'ä'.repeat(512);
      await storage.setItem(longest, 'value');
      await storage.setItem(`${longest.slice(1)}b`, 'other');
      expect(await storage.getItem(longest)).toBe('value');
      expect(await failure(storage.setItem(`${longest}a`, secret))).toMatchObject({ code: 'ERR_OPTIONS' });
      expect(await failure(sqlLock(connection.db).run(`${longest}a`, never, async () => 1))).toMatchObject({
        code: 'ERR_OPTIONS',
      });
    });

    test('two processes refresh one session once', async () => {
      let requests = 0;
      const grant = () => ({ access_token: `at-${requests}`, refresh_token: `rt-${requests}`, expires_in: 3_600 });
      const second = await connect(engine.server as never);
      const managers = [connection, second].map(({ db }) =>
        createTokenManager({
          key: 'shared',
          platform: { ...node(), storage: sqlStorage(db), lock: sqlLock(db) },
          refresh: async () => {
            requests++;
            return grant();
          },
        }),
      );
      const [first, other] = managers;
      await first?.startSession(grant());
      const rejected = (await other?.getAccessToken()) ?? '';
      expect(rejected).toBe('at-0');
      const next = await Promise.all(managers.map((tokens) => tokens.replaceAccessToken(rejected)));
      expect(next).toEqual(['at-1', 'at-1']);
      expect(requests).toBe(1);
      for (const tokens of managers) tokens.dispose();
      await second.close();
    });
  });
}

describe('a client is told when the storage is made, and another one refused with what to do instead', () => {
  const none = () => undefined;
  class Kysely {
    selectFrom = none;
  }
  class Mystery {
    query = none;
  }

  test.each<[string, unknown, RegExp]>([
    ['an address', 'postgres://localhost', /got an address; make a pool of it/],
    ['a URL', new URL('mysql://localhost'), /got an address/],
    ['a promise', Promise.resolve(), /got a promise; await it first/],
    ['nothing', undefined, /got undefined/],
    ['a client of pg', { query: none, connect: none, escapeIdentifier: none }, /single connection.*hand over a pool/],
    ['Kysely', new Kysely(), /query builder; hand over the pool/],
    ['Drizzle', { select: none, insert: none }, /query builder; hand over the pool/],
    ['Knex', Object.assign(() => none, { raw: none }), /Knex or Prisma/],
    ['Prisma', { $queryRawUnsafe: none }, /Knex or Prisma/],
    [
      'the mariadb package',
      { execute: none, getConnection: none, batch: none, query: none },
      /mariadb package.*mysql2/,
    ],
    ['the mysql package', { query: none, getConnection: none }, /mysql package.*mysql2/],
    ['the sqlite3 package', { prepare: none, exec: none, parallelize: none }, /sqlite3 package.*better-sqlite3/],
    ['a class of its own', new Mystery(), /an object of class Mystery\. For another client, write a storage/],
  ])('%s', (_, db, says) => {
    for (const make of [sqlStorage, sqlLock]) {
      expect(() => make(db as SqlLike)).toThrowError(
        expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(says) }),
      );
    }
  });

  test('and so are options that are none', () => {
    const pool = { query: none, totalCount: 0 } as never;
    for (const call of [
      () => sqlStorage(pool, { prefix: "x'; drop table users; --" }),
      () => sqlStorage(pool, { leaseMs: 5 } as never),
      () => sqlLock(pool, { leaseMs: 0 }),
      () => sqlLock(pool, { prefix: '' }),
      () => sqlSchema('oracle' as never),
      () => sqlSchema('toString' as never),
      () => sqlSchema('postgres', { prefix: 'a.b.c' }),
      () => sqlLock(pool, { leaseMs: 99 }),
      ...[-1, Number.NaN, Infinity, '5', null].map(
        (countEveryMs) => () => sqlDueIndex(pool, { countEveryMs: countEveryMs as never }),
      ),
    ]) {
      expect(call).toThrowError(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    }
  });

  test('nothing is asked of the database by making them', () => {
    let asked = 0;
    const query = () => {
      asked++;
      return Promise.reject(new Error());
    };
    sqlStorage({ query, totalCount: 0 });
    sqlLock({ query, totalCount: 0 });
    expect(asked).toBe(0);
  });
});

describe('keys and numbers', () => {
  const memory = (options = {}) => {
    const db = new DatabaseSync(':memory:', options);
    db.exec(sqlSchema('sqlite'));
    return db;
  };

  test('keys have at most 512 characters, and are compared byte by byte', async () => {
    const storage = sqlStorage(memory());
    const keys = ['k', 'K', 'k ', ' k', '\u00e9', 'e\u0301', 'ss', '\u00df', '0', '00', '%', 'x'.repeat(512)];
    for (const key of keys) await storage.setItem(key, `of ${key}`);
    for (const key of keys) expect(await storage.getItem(key)).toBe(`of ${key}`);
    const tooLong = 'x'.repeat(513);
    expect(await failure(storage.setItem(tooLong, 'value'))).toMatchObject({ code: 'ERR_OPTIONS' });
    expect(await storage.getItem(tooLong)).toBeNull();
  });

  test('a database that gives big integers gives numbers here', async () => {
    const db = memory({ readBigInts: true });
    await sqlStorage(db).setItem('evertoken:a', 'value', { fence: 3, due: { at: 5, lane: 'crm' } });
    expect(await sqlLock(db).run('a', never, async ({ fence }) => typeof fence)).toBe('number');
    const [entry] = await sqlDueIndex(db).claim('crm', { limit: 1, forMs: 5 });
    expect(entry).toMatchObject({ key: 'a', at: expect.any(Number) });
    expect(await sqlDueIndex(db).look('crm')).toMatchObject([{ total: 1 }]);
  });
});

describe('the schema', () => {
  test('of SQLite may lie in a database that is attached, and be run again', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec("attach ':memory:' as auth");
    const prefix = 'auth.evertoken_';
    for (const _ of ['once', 'again']) db.exec(sqlSchema('sqlite', { prefix }));
    const storage = sqlStorage(db, { prefix });
    await storage.setItem('a', 'value');
    expect(await storage.getItem('a')).toBe('value');
    expect(await sqlLock(db, { prefix }).run('a', never, async () => 'held')).toBe('held');
    db.close();
  });

  test.each(['postgres', 'mysql', 'sqlite'] as const)(
    'of %s is statements that make tables and indices, and no other',
    (dialect) => {
      const statements = statementsOf(sqlSchema(dialect, { prefix: 'auth.et_' }));
      const index = dialect === 'sqlite' ? 'auth\\.et_by_\\w+ on et_' : 'et_by_\\w+ on auth\\.et_';
      for (const text of statements) {
        expect(text).toMatch(
          new RegExp(
            `^(create( unlogged)? table if not exists auth\\.et_|create index if not exists ${index}|insert )`,
          ),
        );
      }
      expect(statements.join().includes('unlogged')).toBe(dialect === 'postgres');
    },
  );
});

test('an error of the database that quotes what was written is not passed on', async () => {
  const error = Object.assign(new Error(`duplicate key (${secret})`), { code: '23505', detail: secret, sql: secret });
  const storage = sqlStorage({ query: () => Promise.reject(error), totalCount: 0 });
  const seen = await failure(storage.setItem('a', secret));
  expect(inspect(seen, { depth: 9 })).not.toContain(secret);
  expect(seen).toMatchObject({ code: 'ERR_STORAGE_WRITE', message: expect.stringContaining('23505') });
  expect(isRetryable(seen)).toBe(true);
});
