import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RedisLike, redisChannel, redisLock, redisStorage } from '../../src/adapters/redis.js';
import { isRetryable } from '../../src/index.js';
import { type Connection, clusterLibraries, libraries } from '../support/redis-clients.js';
import { hasRedis, hasRedisServer, type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';

const secret = 'rt-canary-77ab';
const never = new AbortController().signal;
let count = 0;
/** A key that no other test uses, also on a Redis that is not ours. */
const newKey = () => `evertoken:test-${process.pid}-${Date.now()}-${count++}`;

describe.skipIf(!hasRedis).each(libraries)('redis with %s', (_, connect) => {
  let server: RedisServer;
  let redis: Connection;
  let key = '';
  beforeAll(async () => {
    server = await startRedis();
    redis = await connect(server);
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });
  beforeEach(() => {
    key = newKey();
  });

  describe('the storage', () => {
    test('gives back what it was given, and null for what it was not', async () => {
      const storage = redisStorage(redis.client);
      expect(await storage.getItem(key)).toBeNull();
      for (const value of ['', '0', 'ключ \u0000 😀', `{"a":"${'x'.repeat(100_000)}"}`]) {
        await storage.setItem(key, value);
        expect(await storage.getItem(key)).toBe(value);
      }
      await storage.removeItem(key);
      await storage.removeItem(key);
      expect(await storage.getItem(key)).toBeNull();
    });

    test('refuses a write or removal under an older lock than the newest one seen', async () => {
      const storage = redisStorage(redis.client);
      const late = { code: 'ERR_STORAGE_WRITE', message: expect.stringContaining('too late') };
      await storage.setItem(key, 'first', { fence: 1_795_231_150_000_007 });
      await storage.setItem(key, 'second', { fence: 1_795_231_150_000_007 });
      await expect(storage.setItem(key, 'old', { fence: 1_795_231_150_000_006 })).rejects.toMatchObject(late);
      await expect(storage.removeItem(key, { fence: 1_795_231_150_000_006 })).rejects.toMatchObject(late);
      expect(await storage.getItem(key)).toBe('second');
      await storage.removeItem(key, { fence: 1_795_231_150_000_008 });
      await expect(storage.setItem(key, 'old', { fence: 1_795_231_150_000_007 })).rejects.toMatchObject(late);
      expect(await storage.getItem(key)).toBeNull();
    });

    test('keeps a session for ever, or for as long as it was told after its last write', async () => {
      const ttl = async () => Number(await redis.command('PTTL', key));
      await redisStorage(redis.client).setItem(key, 'x', { fence: 1 });
      expect(await ttl()).toBe(-1);
      await redisStorage(redis.client, { ttlMs: 50_000 }).setItem(key, 'x');
      expect(await ttl()).toBeGreaterThan(49_000);
      await redisStorage(redis.client).removeItem(key, { fence: 2 });
      expect(await ttl()).toBeGreaterThan(6 * 86_400_000); // the fence alone, and not for ever
      await redisStorage(redis.client).setItem(key, 'x', { fence: 3 });
      expect(await ttl()).toBe(-1);
    });

    test('names a value that is not its own, and replaces it with the next session', async () => {
      await redis.command('SET', key, secret);
      const storage = redisStorage(redis.client);
      const error = await Promise.resolve(storage.getItem(key)).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
      expect(await redis.command('GET', key)).toBe(secret);
      await storage.setItem(key, 'ours');
      expect(await storage.getItem(key)).toBe('ours');
    });
  });

  describe('encryption', () => {
    const bytes = (fill: number) => new Uint8Array(32).fill(fill);
    const stored = async () => String(await redis.command('HGET', key, 'value'));

    test('hides the value, each time differently, and gives it back', async () => {
      const storage = redisStorage(redis.client, { encryptionKey: bytes(1) });
      await storage.setItem(key, `{"t":"${secret}"}`);
      const first = await stored();
      expect(first).not.toContain(secret);
      expect(await storage.getItem(key)).toBe(`{"t":"${secret}"}`);
      await storage.setItem(key, `{"t":"${secret}"}`);
      expect(await stored()).not.toBe(first);
    });

    test('takes a CryptoKey', async () => {
      const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
      const storage = redisStorage(redis.client, { encryptionKey: made });
      await storage.setItem(key, secret);
      expect(await storage.getItem(key)).toBe(secret);
    });

    test('changes keys without a sign-out: the first encrypts, any decrypts', async () => {
      await redisStorage(redis.client, { encryptionKey: bytes(1) }).setItem(key, secret);
      const both = redisStorage(redis.client, { encryptionKey: [bytes(2), bytes(1)] });
      expect(await both.getItem(key)).toBe(secret);
      await both.setItem(key, secret);
      expect(await redisStorage(redis.client, { encryptionKey: bytes(2) }).getItem(key)).toBe(secret);
    });

    test('opens what earlier versions have stored', async () => {
      const name = 'evertoken:ada';
      const earlier =
        'evertoken.1.+nhSb1gAWuyqhHVZERWZKhAroacg+qSL1ALwwwfwIp6KALeOIjp7dl3tz7LvKFH5/YEYoACCMViYjzLNYZeFTks=';
      await redis.command('HSET', name, 'value', earlier);
      const storage = redisStorage(redis.client, { encryptionKey: bytes(1) });
      expect(await storage.getItem(name)).toBe('{"evertoken":1,"refreshToken":"rt-1"}');
      await redis.command('DEL', name);
    });

    test('refuses a value of another key, of another session, changed, cut off or never encrypted', async () => {
      const storage = redisStorage(redis.client, { encryptionKey: bytes(1) });
      const damaged = { code: 'ERR_STORAGE_CORRUPT' };
      await storage.setItem(key, secret);
      await expect(redisStorage(redis.client, { encryptionKey: bytes(2) }).getItem(key)).rejects.toMatchObject(damaged);
      const good = await stored();
      const other = newKey();
      await redis.command('HSET', other, 'value', good);
      await expect(storage.getItem(other)).rejects.toMatchObject(damaged);
      const changed = good.slice(0, -6) + (good.at(-6) === 'A' ? 'B' : 'A') + good.slice(-5);
      for (const value of [changed, good.slice(0, 30), 'evertoken.1.', 'evertoken.1.\u20ac', secret, '']) {
        await redis.command('HSET', key, 'value', value);
        const error = await Promise.resolve(storage.getItem(key)).catch((caught: unknown) => caught);
        expect(error).toMatchObject(damaged);
        expect(inspect(error)).not.toContain(secret);
      }
    });
  });

  describe('the lock', () => {
    test('is in the same cluster slot as its session', async () => {
      for (const name of ['evertoken:session', 'evertoken:{tenant}:user', 'evertoken:a:b c']) {
        await redisLock(redis.client).run(name, never, async () => undefined);
        const [lock] = (await redis.command('KEYS', `*${name}*:lock`)) as string[];
        expect(clusterSlot(lock ?? '')).toBe(clusterSlot(name));
        await redis.command('DEL', lock ?? '');
      }
    });

    test('is granted once at a time, and its fence grows', async () => {
      const fences: number[] = [];
      let inside = 0;
      await Promise.all(
        Array.from({ length: 20 }, () =>
          redisLock(redis.client).run(key, never, async ({ fence = 0 }) => {
            expect(++inside).toBe(1);
            fences.push(fence);
            await new Promise((resolve) => setTimeout(resolve, 1));
            inside--;
          }),
        ),
      );
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
      expect(fences).toHaveLength(20);
    });

    test('the fence grows on although Redis forgot it', async () => {
      const fenceOf = () => redisLock(redis.client).run(key, never, async ({ fence = 0 }) => fence);
      const first = await fenceOf();
      await redis.command('DEL', `{${key}}:lock`);
      expect(await fenceOf()).toBeGreaterThan(first);
    });

    test('is renewed while it is held, for longer than its lease', async () => {
      await redisLock(redis.client, { leaseMs: 600 }).run(key, never, async ({ signal }) => {
        await expect(
          redisLock(redis.client).run(key, AbortSignal.timeout(1_500), async () => 'both'),
        ).rejects.toHaveProperty('name', 'TimeoutError');
        expect(signal.aborted).toBe(false);
      });
    });

    test('is not held for longer than holdMs, and the holder is told', async () => {
      const began = performance.now();
      const first = redisLock(redis.client).run(
        key,
        never,
        ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason.code))),
        { holdMs: 300 },
      );
      await redisLock(redis.client).run(key, never, async () => undefined);
      expect(performance.now() - began).toBeGreaterThan(295);
      expect(await first).toBe('ERR_LOCK_LOST');
    });

    test('that was taken away is lost at the next renewal, and not taken back', async () => {
      await redisLock(redis.client, { leaseMs: 300 }).run(key, never, async ({ signal }) => {
        const lost = new Promise((resolve) => signal.addEventListener('abort', resolve));
        await redis.command('HSET', `{${key}}:lock`, 'owner', 'somebody');
        await lost;
        expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
      });
      expect(await redis.command('HGET', `{${key}}:lock`, 'owner')).toBe('somebody');
    });

    test('whose grant comes after the caller gave up is put down again', async () => {
      const caller = new AbortController();
      const late = redisLock({
        ...{ evalsha: () => undefined },
        eval: async (script: string, _: number, name: string, ...rest: string[]) => {
          caller.abort(new Error('gave up'));
          await new Promise((resolve) => setTimeout(resolve, 5));
          return run(redis.client, script, name, rest);
        },
      });
      await expect(late.run(key, caller.signal, async () => 'ran')).rejects.toThrow('gave up');
      expect(await redisLock(redis.client).run(key, AbortSignal.timeout(5_000), async () => 'free')).toBe('free');
    });

    test('whose grant got lost on the way is granted again to the one who asks again', async () => {
      let asked = 0;
      const lossy: RedisLike = {
        ...{ evalsha: () => undefined },
        eval: async (script: string, _: number, name: string, ...rest: string[]) => {
          const answer = await run(redis.client, script, name, rest);
          return asked++ === 0 ? [0, 5] : answer;
        },
      };
      expect(await redisLock(lossy).run(key, AbortSignal.timeout(2_000), async () => 'held')).toBe('held');
    });
  });

  describe('the channel', () => {
    let publisher: Connection;
    beforeAll(async () => {
      publisher = await connect(server);
    });
    afterAll(() => publisher?.close());
    const heardWithin = async (calls: { count: number }, times: number) => {
      for (let waited = 0; calls.count < times && waited < 200; waited++) await new Promise((r) => setTimeout(r, 10));
      return calls.count;
    };

    test('tells every subscriber of the key, and nobody else, with an empty message', async () => {
      const ours = await connect(server);
      const messages: unknown[] = [];
      const [mine, yours, other] = [{ count: 0 }, { count: 0 }, { count: 0 }];
      const channel = redisChannel(publisher.client, ours.client);
      const stopMine = channel.subscribe(key, () => mine.count++);
      const stopYours = channel.subscribe(key, () => yours.count++);
      const stopOther = channel.subscribe(`${key}-other`, () => other.count++);
      (ours.client as { on(event: string, listener: (...all: unknown[]) => void): void }).on('message', (...all) =>
        messages.push(all),
      );
      await eventually(async () => Number((await numberOfSubscribers(publisher, key)) === 1));
      channel.announce(key);
      expect(await heardWithin(yours, 1)).toBe(1);
      expect([mine.count, other.count]).toEqual([1, 0]);
      expect(messages.flat().filter((part) => part !== key && part !== '')).toEqual([]);
      stopMine();
      channel.announce(key);
      expect(await heardWithin(yours, 2)).toBe(2);
      expect(mine.count).toBe(1);
      stopYours();
      stopOther();
      await eventually(async () => Number((await numberOfSubscribers(publisher, key)) === 0));
      await ours.close();
    });

    test('never throws, whatever the connection does', async () => {
      const closed = await connect(server);
      const channel = redisChannel(closed.client, closed.client);
      await closed.close();
      channel.announce(key);
      channel.subscribe(key, () => undefined)();
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
  });
});

describe.skipIf(!hasRedisServer).each(libraries)('a redis in trouble, with %s', (_, connect) => {
  let server: RedisServer;
  let redis: Connection;
  let admin: Connection;
  beforeEach(async () => {
    server = await startRedis({ own: true });
    redis = await connect(server);
    admin = await connect(server);
  });
  afterEach(async () => {
    await redis.close();
    await admin.close();
    await server.stop();
  });

  /** Runs all four kinds of calls; each settles with a value or a typed error that holds no secret. */
  async function attempt(): Promise<Record<'read' | 'write' | 'remove' | 'lock', string>> {
    const storage = redisStorage(redis.client);
    const outcome = async (promise: unknown) => {
      try {
        return String(await promise);
      } catch (error) {
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
        return `${(error as { code: string }).code} ${(error as Error).message}`;
      }
    };
    return {
      read: await outcome(storage.getItem('evertoken:a')),
      write: await outcome(storage.setItem('evertoken:b', secret, { fence: 1 })),
      remove: await outcome(storage.removeItem('evertoken:c')),
      lock: await outcome(redisLock(redis.client).run('evertoken:a', AbortSignal.timeout(5_000), async () => 'held')),
    };
  }

  const fine = { read: 'kept', write: 'undefined', remove: 'undefined', lock: 'held' };

  test('out of memory: refuses writes with a typed error, still reads and removes, and recovers', async () => {
    await redisStorage(redis.client).setItem('evertoken:a', 'kept');
    await redisStorage(redis.client).setItem('evertoken:c', 'x');
    await admin.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await admin.command('CONFIG', 'SET', 'maxmemory', '1');
    const outcome = await attempt();
    expect(outcome).toMatchObject({ read: 'kept', remove: 'undefined' });
    expect(outcome.write).toMatch(/^ERR_STORAGE_WRITE .*OOM.*out of memory/);
    expect(outcome.lock).toMatch(/^ERR_LOCK_TIMEOUT .*OOM/);
    await expect(redisStorage(redis.client).removeItem('evertoken:a', { fence: 1 })).resolves.toBeUndefined();
    await admin.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await attempt()).toEqual({ ...fine, read: 'null' });
  });

  test('failing over to a replica that is read-only: a typed error, nothing lost, and recovers', async () => {
    await redisStorage(redis.client).setItem('evertoken:a', 'kept');
    await admin.command('REPLICAOF', '127.0.0.1', '1');
    const outcome = await attempt();
    expect(outcome.write).toMatch(/^ERR_STORAGE_WRITE .*READONLY.*replica/);
    expect(outcome.lock).toMatch(/^ERR_LOCK_TIMEOUT .*READONLY/);
    await admin.command('REPLICAOF', 'NO', 'ONE');
    expect(await attempt()).toEqual(fine);
  });

  test('unable to write to its disk: refuses writes with a typed error that says so, still reads, and recovers', async () => {
    await redisStorage(redis.client).setItem('evertoken:a', 'kept');
    const dump = join(dirname(server.socket), 'dump.rdb');
    mkdirSync(dump); // in the way of what it saves
    await admin.command('CONFIG', 'SET', 'save', '3600 1');
    const save = async (outcome: string) => {
      await admin.command('BGSAVE');
      await expect.poll(() => admin.command('INFO', 'persistence')).toMatch(`rdb_last_bgsave_status:${outcome}`);
    };
    await save('err');
    const outcome = await attempt();
    expect(outcome.read).toBe('kept');
    for (const call of ['write', 'remove'] as const) {
      expect(outcome[call]).toMatch(/^ERR_STORAGE_WRITE .*MISCONF.*disk/);
    }
    expect(outcome.lock).toMatch(/^ERR_LOCK_TIMEOUT .*MISCONF.*disk/);
    rmSync(dump, { recursive: true });
    await save('ok');
    expect(await attempt()).toEqual(fine);
  });

  test('every connection cut: calls under way succeed or can be tried again, and the next ones succeed', async () => {
    await redisStorage(redis.client).setItem('evertoken:a', 'kept');
    for (let round = 0; round < 5; round++) {
      const storage = redisStorage(redis.client);
      const calls = Promise.allSettled(Array.from({ length: 10 }, async () => storage.getItem('evertoken:a')));
      await admin.command('CLIENT', 'KILL', 'TYPE', 'normal');
      for (const { value, reason } of (await calls) as { value?: unknown; reason?: unknown }[]) {
        if (reason === undefined) expect(value).toBe('kept');
        else expect(isRetryable(reason), inspect(reason)).toBe(true);
      }
      await eventually(async () => Number((await attempt().catch(() => undefined))?.lock === 'held'));
      expect(await attempt()).toEqual(fine);
    }
  });

  test('down: settles within what the client takes, and recovers without a restart', async () => {
    await server.kill();
    const during = attempt();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.start();
    for (const [call, outcome] of Object.entries(await during)) {
      // a client may wait for Redis to come back, or refuse; both libraries are right
      expect([call, outcome]).toEqual([
        call,
        expect.stringMatching(/^(null|undefined|held|ERR_(STORAGE|LOCK)_\w+ .*)$/),
      ]);
    }
    await redisStorage(redis.client).setItem('evertoken:a', 'kept');
    expect(await attempt()).toEqual(fine);
  });

  test('down: waiting for the lock ends when the caller gives up', async () => {
    await server.kill();
    const began = performance.now();
    await expect(
      redisLock(redis.client).run('evertoken:a', AbortSignal.timeout(200), async () => 'held'),
    ).rejects.toBeInstanceOf(Error);
    expect(performance.now() - began).toBeLessThan(10_000);
    await server.start();
  });

  test('slow: waiting for the lock ends when the caller gives up, and the late grant blocks nobody', async () => {
    await admin.command('CLIENT', 'PAUSE', '60000', 'WRITE'); // scripts are not answered until it is over
    await expect(
      redisLock(redis.client).run('evertoken:a', AbortSignal.timeout(100), async () => 'held'),
    ).rejects.toHaveProperty('name', 'TimeoutError');
    await admin.command('CLIENT', 'UNPAUSE');
    expect((await attempt()).lock).toBe('held');
  });

  test('down while the lock is held: the holder is told when the lease is over', async () => {
    await redisLock(redis.client, { leaseMs: 400 }).run('evertoken:a', never, async ({ signal }) => {
      const told = new Promise((resolve) => signal.addEventListener('abort', () => resolve('told')));
      await server.kill();
      // two timers of one process: they keep their order on a busy machine
      const late = new Promise((resolve) => setTimeout(resolve, 600, 'late'));
      expect(await Promise.race([told, late])).toBe('told');
      expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
      await server.start();
    });
  });

  test('back again: subscribers look once at what they may have missed', async () => {
    const subscriber = await connect(server);
    let heard = 0;
    const channel = redisChannel(redis.client, subscriber.client);
    channel.subscribe('evertoken:a', () => heard++);
    await eventually(async () => Number((await numberOfSubscribers(admin, 'evertoken:a')) === 1));
    heard = 0;
    await server.kill();
    await server.start();
    await eventually(async () => heard);
    await eventually(async () => Number((await numberOfSubscribers(admin, 'evertoken:a').catch(() => 0)) === 1));
    heard = 0;
    channel.announce('evertoken:a');
    await eventually(async () => heard);
    await subscriber.close();
  });
});

describe.skipIf(!hasRedisServer).each(clusterLibraries)('a redis cluster with %s', (_, connect) => {
  test('takes everything: values, the lock, notices', async () => {
    const server = await startRedisCluster();
    const redis = await connect(server.port);
    const storage = redisStorage(redis.client);
    const key = newKey();
    await redisLock(redis.client).run(key, never, async ({ fence = 0 }) => {
      await storage.setItem(key, 'value', { fence });
    });
    expect(await storage.getItem(key)).toBe('value');
    await storage.removeItem(key);
    const subscriber = await connect(server.port);
    let heard = 0;
    const channel = redisChannel(redis.client, subscriber.client);
    channel.subscribe(key, () => heard++);
    await eventually(async () => {
      channel.announce(key);
      return heard;
    });
    await Promise.all([redis.close(), subscriber.close()]);
    await server.stop();
  });
});

describe('wrong options say what was expected and what came', () => {
  const client = { eval: async () => null, evalsha: () => undefined };
  test.each<[what: string, make: () => unknown]>([
    ['no client', () => redisStorage(undefined as never)],
    ['something else', () => redisLock({ eval: async () => null } as never)],
    ['no subscriber', () => redisChannel({ publish: async () => 1 }, {} as never).subscribe('key', () => undefined)],
    ['a time to live of nothing', () => redisStorage(client, { ttlMs: 0 })],
    ['a short key', () => redisStorage(client, { encryptionKey: new Uint8Array(16) })],
    ['a password for a key', () => redisStorage(client, { encryptionKey: 'hunter2' as never })],
  ])('%s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(/^Expected/) }));
  });
});

function run(client: RedisLike, script: string, name: string, rest: string[]): Promise<unknown> {
  return 'evalsha' in client
    ? client.eval(script, 1, name, ...rest)
    : client.eval(script, { keys: [name], arguments: rest });
}

async function numberOfSubscribers(admin: Connection, key: string): Promise<number> {
  return Number(((await admin.command('PUBSUB', 'NUMSUB', key)) as unknown[])[1]);
}

async function eventually(check: () => Promise<number>): Promise<void> {
  for (let tries = 0; !(await check()); tries++) {
    if (tries > 300) throw new Error('did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** CRC16 (XMODEM) of the hash tag, modulo 16 384; Redis cluster specification, "hash tags". */
function clusterSlot(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of new TextEncoder().encode(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % 16_384;
}
