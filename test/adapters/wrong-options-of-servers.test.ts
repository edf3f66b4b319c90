import { expect, test } from 'vitest';
import { bullQueue } from '../../src/adapters/bullmq.js';
import { redisDueIndex, redisLock, redisStorage } from '../../src/adapters/redis.js';

const refused = expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS' });
const client = { eval: async () => null, evalsha: () => undefined } as never;
class Queue {}
class Worker {}
const classes = { Queue, Worker } as never;

test.each<[string, () => unknown]>([
  ['bullQueue() without the classes', () => bullQueue(undefined as never, { connection: {} })],
  ['bullQueue() without a connection', () => bullQueue(classes, {} as never)],
  ['bullQueue() with an empty prefix', () => bullQueue(classes, { connection: {}, prefix: '' })],
  ['bullQueue() with a prefix that is no string', () => bullQueue(classes, { connection: {}, prefix: 5 as never })],
  ['bullQueue() with an onError that is none', () => bullQueue(classes, { connection: {}, onError: 5 as never })],
  ['redisDueIndex() with an empty prefix', () => redisDueIndex(client, { prefix: '' })],
  ['redisDueIndex() with a prefix that is no string', () => redisDueIndex(client, { prefix: null as never })],
  ['redisLock() with a lease below 100 ms', () => redisLock(client, { leaseMs: 99 })],
  ['redisStorage() with an empty list of encryption keys', () => redisStorage(client, { encryptionKey: [] })],
])('%s is refused when it is made', (_, make) => {
  expect(make).toThrow(refused);
});
