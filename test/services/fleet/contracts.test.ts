import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisDueIndex } from '../../../src/adapters/redis.js';
import { inProcessQueue, memoryDueIndex } from '../../../src/services/fleet.js';
import { type DueIndexUnderTest, dueIndexContract, jobQueueContract, runContract } from '../../../src/testing.js';
import { type Connection, libraries } from '../../support/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.js';

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
