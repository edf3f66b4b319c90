import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisLike, redisChannel, redisLock, redisStorage } from '../../src/adapters/redis.js';
import { libraries } from '../support/redis-clients.js';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-server.js';

const key = 'evertoken:session';
const soon = () => AbortSignal.timeout(5_000);
const errorOf = (work: unknown) =>
  Promise.resolve(work).then(
    () => new Error('it was not refused'),
    (error: Error) => error,
  );
const asked = (client: RedisLike) => [
  errorOf(redisStorage(client).getItem(key)),
  errorOf(redisStorage(client).setItem(key, 'secret-value')),
  errorOf(redisLock(client).run(key, soon(), async () => undefined)),
];

/** The rules that the documentation gives for a user of Redis. */
function documentedRules(): string[] {
  const page = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  return /^ACL SETUSER orders on >\S+ (.*)$/m.exec(page)?.[1]?.split(' ') ?? [];
}

describe.skipIf(!hasRedisServer).each(libraries)('with %s, a user with few permissions', (_, connect) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ own: true });
  });
  afterAll(() => server?.stop());

  const asUser = async (...rules: string[]) => {
    const connection = await connect(server);
    await connection.command('ACL', 'SETUSER', 'orders', 'reset', 'on', '>pw', ...rules);
    await connection.command('AUTH', 'orders', 'pw');
    return connection;
  };

  test('is enough as documented', async () => {
    const [one, other] = [await asUser(...documentedRules()), await asUser(...documentedRules())];
    const storage = redisStorage(one.client, { ttlMs: 60_000 });
    await redisLock(one.client, { leaseMs: 100 }).run(key, soon(), async ({ fence = 0 }) => {
      await new Promise((resolve) => setTimeout(resolve, 60)); // it is renewed
      await storage.setItem(key, 'value', { fence });
    });
    await redisStorage(one.client).setItem(key, 'value');
    expect(await storage.getItem(key)).toBe('value');
    const heard = new Promise<void>((resolve) => {
      redisChannel(one.client, other.client).subscribe(key, resolve);
    });
    const again = setInterval(() => redisChannel(one.client, other.client).announce(key), 20);
    await heard;
    clearInterval(again);
    await storage.removeItem(key);
    await Promise.all([one.close(), other.close()]);
  });

  test.each<[string, string[], RegExp]>([
    ['the command', ['+@all', '-eval', '~*'], /NOPERM for the command eval\. Check the user/],
    ['the key', ['+@all', '~other:*'], /NOPERM\. Check the user/],
  ])('without %s is told so, with the key that it was about', async (_what, rules, expected) => {
    const connection = await asUser(...rules);
    for (const error of await Promise.all(asked(connection.client))) {
      expect(error.message).toMatch(expected);
      expect(error.message).toContain(key);
      expect(error.message).not.toContain('secret-value');
    }
    await connection.close();
  });
});

describe('what keeps a client from Redis is in the message', () => {
  const selfSigned = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const failing = (error: unknown): RedisLike => ({ eval: () => Promise.reject(error), evalsha: () => undefined });

  test.each<[string, () => RedisLike | Promise<RedisLike>, RegExp]>([
    [
      'a refused connection, ioredis',
      () => listening(new Redis({ port: 1, maxRetriesPerRequest: 1 })),
      /ECONNREFUSED.*Nothing listens there/,
    ],
    [
      'a connection that is given up, ioredis',
      () => listening(new Redis({ port: 1, retryStrategy: () => null })),
      /ECONNREFUSED/,
    ],
    [
      'a client that was never connected, node-redis',
      () => createClient() as RedisLike,
      /ClientClosedError.*call connect\(\)/,
    ],
    ['a certificate', () => failing(selfSigned), /DEPTH_ZERO_SELF_SIGNED_CERT.*authority/],
    [
      'one of several addresses',
      () => failing(Object.assign(new Error('x'), { errors: [{ code: 'ECONNREFUSED' }] })),
      /ECONNREFUSED/,
    ],
    [
      'the last node of a cluster',
      () => failing(Object.assign(new Error('x'), { lastNodeError: selfSigned })),
      /SELF_SIGNED/,
    ],
    ['what lies beneath', () => failing(new Error('x', { cause: { code: 'ENOTFOUND' } })), /ENOTFOUND.*host/],
  ])('%s', async (_, make, expected) => {
    const client = await make();
    for (const error of await Promise.all(asked(client))) {
      expect(error.message).toMatch(expected);
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(STORAGE|LOCK)_/) });
    }
    (client as { disconnect?: () => unknown }).disconnect?.();
  });

  /** With a listener of the application's own; ioredis tells the cause to that alone. */
  function listening(client: Redis): Redis {
    client.on('error', () => undefined);
    return client;
  }

  test('a client without a listener is given none', async () => {
    const client = createClient();
    await Promise.all(asked(client as RedisLike));
    expect(client.listenerCount('error')).toBe(0);
  });

  test('many storages on one client listen once', async () => {
    const client = listening(new Redis({ port: 1, maxRetriesPerRequest: 0 }));
    for (let n = 0; n < 5; n++) await Promise.all(asked(client));
    expect(client.listenerCount('error')).toBe(2);
    client.disconnect();
  });
});

describe('a client of neither library is refused when it is made', () => {
  class Upstash {
    eval = async () => null;
    evalsha = async () => null;
    createScript = () => undefined;
  }
  class RedisClient {
    eval = () => true;
    evalsha = () => true;
    send_command = () => true;
  }
  class Glide {
    customCommand = async () => null;
  }
  class Other {
    eval = async () => null;
    evalsha = async () => null;
  }
  test.each<[string, unknown, RegExp]>([
    ['an address', 'redis://:hunter2@localhost', /got an address; make a client of it/],
    ['a promise', Promise.resolve(), /got a promise; await it/],
    ['@upstash/redis', new Upstash(), /@upstash\/redis/],
    ['node-redis 3', new RedisClient(), /node-redis 3 or earlier/],
    ['another', new Glide(), /an object of class Glide/],
    ['another with evalsha', new Other(), /an object of class Other/],
    ['nothing', undefined, /got undefined/],
  ])('%s', (_, client, expected) => {
    for (const make of [redisStorage, redisLock]) {
      const message = expect.stringMatching(expected);
      expect(() => make(client as RedisLike)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message }));
      expect(() => make(client as RedisLike)).not.toThrow(/hunter2/);
    }
  });

  test('one that cannot publish', () => {
    expect(() => redisChannel({} as never, { psubscribe: 1 } as never)).toThrow(/publishes, got object/);
  });
});
