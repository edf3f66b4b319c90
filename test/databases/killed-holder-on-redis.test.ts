import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthServer } from '../../src/testing.js';
import type { WorkerConfig } from '../processes/worker.js';
import { startChild } from '../support/child.js';
import { hasRedisServer, startRedis } from '../support/redis-server.js';

const worker = join(import.meta.dirname, '../processes/worker.ts');

test.skipIf(!hasRedisServer)(
  'with default options, those who wait for a process that was killed with the lock on Redis get a token all the same',
  async () => {
    const redis = await startRedis({ own: true });
    onTestFinished(() => redis.stop());
    const server = createAuthServer({ accessTokenLifetimeMs: 500 });
    const { tokenUrl, close } = await server.listen();
    onTestFinished(close);
    const defaults = { library: 'ioredis', socket: redis.socket };
    const config = JSON.stringify({ tokenUrl, redis: defaults } satisfies WorkerConfig);
    const workers = Array.from({ length: 4 }, () => startChild(worker, [config]));
    onTestFinished(() => {
      for (const each of workers) each.signal('SIGKILL');
    });
    await Promise.all(workers.map((each) => each.next('ready')));
    const [holder, ...others] = workers;
    holder?.tell(`sign-in ${JSON.stringify(server.signIn())}`);
    await holder?.next('signed-in');
    await new Promise((resolve) => setTimeout(resolve, 520)); // the tokens expire in real time, as on the server

    server.set({ accessTokenLifetimeMs: 3_600_000, delayMs: 20_000 }); // killed before the server acts
    const began = performance.now();
    holder?.tell('go');
    while (server.tokenRequests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    for (const other of others) other.tell('go');
    holder?.signal('SIGKILL');
    server.set({ delayMs: 0 });
    const answers = new Set(await Promise.all(others.map((other) => other.next('token'))));
    const waitedMs = performance.now() - began;

    expect([...answers]).toEqual([expect.not.stringContaining('ERR_')]);
    expect(server.tokenRequests).toHaveLength(2);
    expect(waitedMs).toBeGreaterThan(12_500); // the lock was free then, and not before
    expect(waitedMs).toBeLessThan(15_000); // what a caller waits at most
  },
);
