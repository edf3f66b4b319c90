import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisLock, redisStorage } from '../../src/adapters/redis.js';
import { startChild } from '../support/child.js';
import { replayJournal } from '../support/lock-journal.js';
import { type Connection, libraries } from '../support/redis-clients.js';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-server.js';

const childEntry = join(import.meta.dirname, 'redis-child.ts');
const never = new AbortController().signal;

describe.skipIf(!hasRedisServer).each(libraries)('processes on one redis, with %s', (library, connect) => {
  let server: RedisServer;
  let redis: Connection;
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evertoken-redis-lock-'));
    server = await startRedis({ own: true });
    redis = await connect(server);
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (what: string, leaseMs: number, ...rest: string[]) =>
    startChild(childEntry, [what, library, server.socket, '', String(leaseMs), ...rest]);

  test('of which one is killed every moment never hold the lock together', { timeout: 60_000 }, async () => {
    const journal = join(folder, 'journal');
    writeFileSync(journal, '');
    const startOne = () => start('contend', 1_000, journal);
    const grants = () => replayJournal(readFileSync(journal, 'utf8')).grants;
    let children = Array.from({ length: 4 }, startOne);
    for (let round = 0; round < 12 || grants() <= 50; round++) {
      const before = readFileSync(journal, 'utf8').length;
      while (readFileSync(journal, 'utf8').length < before + 200) await sleep(5);
      await sleep(Math.random() * 15);
      const victim = children[round % children.length];
      if (!victim) throw new Error('no children');
      appendFileSync(journal, `killing ${victim.pid}\n`);
      victim.signal('SIGKILL');
      children = children.map((child) => (child === victim ? startOne() : child));
    }
    for (const child of children) child.signal('SIGKILL');
    await Promise.all(children.map((child) => child.gone));
    expect(grants()).toBeGreaterThan(50);
  });

  test('one that is killed blocks the others until its lease runs out, and no longer', async () => {
    const holder = start('hold', 600);
    const fence = Number((await holder.next('held')).split(' ')[1]);
    const began = performance.now();
    holder.signal('SIGKILL');
    const next = await redisLock(redis.client).run('held', never, async (lease) => lease.fence ?? 0);
    expect(next - fence).toBeGreaterThan(599_000); // microseconds of Redis's own clock
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('one that is stopped beyond its lease is taken over from, and its write is refused', async () => {
    const stopped = start('hold', 400);
    const fence = Number((await stopped.next('held')).split(' ')[1]);
    stopped.signal('SIGSTOP');
    const storage = redisStorage(redis.client);
    await redisLock(redis.client).run('held', never, async (lease) => {
      expect(lease.fence).toBeGreaterThan(fence);
      await storage.setItem('held', 'by the next one', { fence: lease.fence ?? 0 });
    });
    stopped.tell('write');
    stopped.signal('SIGCONT');
    expect(await stopped.next('wrote')).toBe('wrote ERR_STORAGE_WRITE ERR_LOCK_LOST');
    await stopped.gone;
    expect(await storage.getItem('held')).toBe('by the next one');
  });
});
