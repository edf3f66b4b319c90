// Run as a process of its own: node redis-child.mjs <what> <library> <socket> ...
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { redisLock, redisStorage } from '../../src/adapters/redis.js';
import { libraries } from '../support/redis-clients.js';

const [what, library, socket = '', url = '', leaseMs = '', journal = ''] = process.argv.slice(2);
const connect = libraries.find(([name]) => name === library)?.[1];
if (!connect) throw new Error(`unknown: ${library}`);
const connection = await connect({ socket, url: url || undefined } as never);
const never = new AbortController().signal;
const lock = redisLock(connection.client, { leaseMs: Number(leaseMs) });
const say = (...words: unknown[]) => void process.stdout.write(`${words.join(' ')}\n`);

if (what === 'contend') {
  for (;;) {
    await lock.run('contended', never, async ({ fence }) => {
      appendFileSync(journal, `enter ${process.pid} ${fence}\n`);
      await sleep(Math.random() * 4);
      appendFileSync(journal, `leave ${process.pid} ${fence}\n`);
    });
  }
}
await lock.run('held', never, async ({ fence = 0, signal }) => {
  say('held', fence);
  await new Promise((resolve) => createInterface({ input: process.stdin }).once('line', resolve));
  const write = Promise.resolve(redisStorage(connection.client).setItem('held', 'by the stopped one', { fence }));
  const outcome = await write.then(String, (error: { code: string }) => error.code);
  await sleep(1); // timers that fell due come first
  say('wrote', outcome, signal.aborted ? signal.reason.code : 'in time');
});
process.exit();
