import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bullQueue } from '../../../src/adapters/bullmq.js';
import { jobQueueContract } from '../../../src/testing.js';
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.js';

describe.skipIf(!hasRedis)('the queue on BullMQ', () => {
  let server: RedisServer;
  let connection: Redis;
  beforeAll(async () => {
    server = await startRedis({ own: true });
    connection = new Redis({ path: server.socket, maxRetriesPerRequest: null });
  });
  afterAll(async () => {
    connection?.disconnect();
    await server?.stop();
  });

  let count = 0;
  const make = () => ({ queue: bullQueue({ Queue, Worker }, { connection, prefix: `test-${++count}` }) });
  for (const { name, run } of jobQueueContract(make, { boundMs: 20_000 })) test(name, run);

  test('FL18 leaves nothing of a job in Redis but its key, and that no longer than it takes', async () => {
    const { queue } = make();
    await queue.add('lane', ['customer-7']);
    const waiting = await everything(connection, `test-${count}`);
    expect(waiting).toContain('customer-7');
    let isDone = false;
    const stop = queue.process(
      'lane',
      async () => {
        isDone = true;
        throw new Error('with a secret in it');
      },
      { concurrency: 1, takeoverMs: 5_000 },
    );
    await expect.poll(() => isDone).toBe(true);
    await stop();
    const left = await everything(connection, `test-${count}`);
    expect(left).not.toMatch(/secret|"customer-7"/);
  });
});

test('what are not the classes of BullMQ is refused with what to write', () => {
  expect(() => bullQueue({} as never, { connection: {} })).toThrow(
    /bullQueue\(\{ Queue, Worker \}, \{ connection \}\)/,
  );
});

async function everything(redis: Redis, prefix: string): Promise<string> {
  const texts: string[] = [];
  for (const key of await redis.keys(`${prefix}*`)) {
    const type = await redis.type(key);
    if (type === 'hash') texts.push(key, JSON.stringify(await redis.hgetall(key)));
    if (type === 'list') texts.push(JSON.stringify(await redis.lrange(key, 0, -1)));
  }
  return texts.join('\n');
}
