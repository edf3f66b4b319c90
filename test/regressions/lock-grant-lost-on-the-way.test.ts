import { expect, it } from 'vitest';
import { redisLock } from '../../src/adapters/redis.js';

it('lets go of a lock in Redis whose grant got lost on the way', async () => {
  const asked: string[] = [];
  const client = {
    evalsha: () => undefined,
    async eval(_script: string, _keys: number, ...[, owner]: string[]) {
      asked.push(String(owner));
      if (asked.length === 1) throw new Error('Connection is closed.');
      return 1;
    },
  };
  const run = redisLock(client).run('evertoken:session', new AbortController().signal, async () => 'done');
  await expect(run).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
  expect(asked).toEqual([asked[0], asked[0]]);
});
