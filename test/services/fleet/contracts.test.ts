import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisDueIndex } from '../../../src/adapters/redis.js';
import { sqlDueIndex, sqlStorage } from '../../../src/adapters/sql.js';
import { indexed, inProcessQueue, memoryDueIndex } from '../../../src/services/fleet.js';
import { type DueIndexUnderTest, dueIndexContract, jobQueueContract, runContract } from '../../../src/testing.js';
import { type Connection, libraries } from '../../support/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.js';
import { engines, migrate, type SqlConnection } from '../../support/sql-clients.js';

describe('the due index in memory', () => {
  for (const { name, run } of dueIndexContract(() => ({ due: memoryDueIndex() }))) test(name, run);
});

describe('the queue in the process', () => {
  for (const { name, run } of jobQueueContract(() => ({ queue: inProcessQueue() }))) test(name, run);
});

describe.skipIf(!hasRedis).each(libraries)('the due index in Redis, with %s', (_, connect) => {
  let server: RedisServer;
  let redis: Connection;
  let count = 0;
  beforeAll(async () => {
    server = await startRedis();
    redis = await connect(server);
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });

  const make = (): DueIndexUnderTest => {
    const prefix = `{fleet-${process.pid}-${++count}}`;
    return { due: redisDueIndex(redis.client, { prefix }), second: redisDueIndex(redis.client, { prefix }) };
  };
  for (const { name, run } of dueIndexContract(make)) test(name, run);
});

describe.each(engines)('the due index in SQL, on $name', ({ dialect, isThere, start, connect }) => {
  describe.skipIf(!isThere)('the contract', () => {
    let engine: Awaited<ReturnType<typeof start>>;
    let [first, second]: SqlConnection[] = [];
    beforeAll(async () => {
      engine = await start();
      first = await connect(engine.server as never);
      second = await connect(engine.server as never);
    }, 60_000);
    afterAll(async () => {
      await Promise.all([first?.close(), second?.close()]);
      await engine?.stop();
    });

    let count = 0;
    const make = async (): Promise<DueIndexUnderTest> => {
      const [here, there] = [first, second];
      if (!here || !there) throw new Error('not connected');
      const prefix = `due${++count}_`;
      await migrate(here, dialect, prefix);
      return {
        due: sqlDueIndex(here.db, { prefix, countEveryMs: 0 }),
        second: sqlDueIndex(there.db, { prefix, countEveryMs: 0 }),
      };
    };
    for (const { name, run } of dueIndexContract(make, { boundMs: 10_000 })) test(name, run);

    test('of more than a claim looks at, the urgent and those in use come first, whatever lies before them', async () => {
      const prefix = `due${++count}_`;
      const here = first as SqlConnection;
      await migrate(here, dialect, prefix);
      const due = sqlDueIndex(here.db, { prefix });
      const now = Date.now();
      const entry = { lane: 'a', at: now - 60_000, expiresAt: now - 50_000, keepAliveAt: now + 60_000 };
      await due.put('unused', entry);
      await here.command(`update ${prefix}sessions set used_at = ${now - 9_000_000}`);
      const digits = Array.from({ length: 10 }, (_, digit) => `select ${digit} as n`).join(' union all ');
      const [a, b, c] = ['a', 'b', 'c'].map((name) => `(${digits}) ${name}`);
      const rest = 'due_at, expires_at, used_at, keep_alive_at';
      const name = dialect === 'mysql' ? "concat('evertoken:u', a.n, b.n, c.n)" : "'evertoken:u' || a.n || b.n || c.n";
      await here.command(
        `insert into ${prefix}sessions (session_key, lane, ${rest}) select ${name}, lane, ${rest} from ${prefix}sessions, ${a}, ${b}, ${c}`,
      );
      await due.put('in use, later', { ...entry, at: now - 1_000, expiresAt: now + 9_000 });
      await due.put('in use', { ...entry, at: now - 1_000, expiresAt: now + 8_000 });
      await due.put('urgent', { ...entry, at: now - 1_000, expiresAt: now + 90_000, urgent: true });
      await due.put('not due', { ...entry, at: now + 90_000, expiresAt: now + 99_000 });
      const order: string[] = [];
      let claims = 0;
      while (!order.includes('in use, later') && claims < 5) {
        claims++;
        order.push(...(await due.claim('a', { limit: 5, forMs: 60_000, hotForMs: 3_600_000 })).map(({ key }) => key));
      }
      expect(order[0]).toBe('urgent');
      expect(order.indexOf('in use, later'), 'a few unused ones are met before').toBeLessThan(20);
      expect(order.indexOf('in use')).toBeLessThan(order.indexOf('in use, later'));
      let total = order.length;
      const seen = new Set(order);
      for (let some = [''], round = 0; some.length > 0 && round < 40; round++) {
        some = (await due.claim('a', { limit: 100, forMs: 60_000, hotForMs: 3_600_000 })).map(({ key }) => key);
        for (const key of some) seen.add(key);
        total += some.length;
      }
      expect([total, seen.size], 'each once, and none left').toEqual([1_004, 1_004]);
    });

    test('ST6 a session and its due moment change in one statement, and go in one', async () => {
      const prefix = `due${++count}_`;
      const here = first as SqlConnection;
      await migrate(here, dialect, prefix);
      const due = sqlDueIndex(here.db, { prefix });
      const puts: string[] = [];
      const watched = Object.assign(Object.create(due), { put: (key: string) => puts.push(key) }) as typeof due;
      const storage = indexed(sqlStorage(here.db, { prefix }), watched);
      const record = { evertoken: 1, sessionId: 's', issuedAt: 1_000, expiresAt: 2_000, unanswered: false };
      await storage.setItem('evertoken:a', JSON.stringify(record));
      expect(await due.get('a')).toMatchObject({ lane: 'default', expiresAt: 2_000, lifetimeMs: 1_000 });
      expect(puts).toEqual([]);
      await storage.removeItem('evertoken:a');
      expect(await due.get('a')).toBeUndefined();
      expect(await storage.getItem('evertoken:a')).toBeNull();
    });
  });
});

test('an index that gives an entry twice, or forgets a pause, does not pass', async () => {
  const broken = () => {
    const due = memoryDueIndex();
    return {
      due: { ...due, claim: async () => [{ key: 'a', lane: 'lane', at: 0, usedAt: 0 }], pause: () => undefined },
    };
  };
  await expect(runContract(dueIndexContract(broken))).rejects.toThrow(
    /gives each entry once[\s\S]*shows every process the last pause/,
  );
});
