import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileLock } from '../../src/adapters/file.js';
import { redisLock } from '../../src/adapters/redis.js';
import type { Lease, Lock } from '../../src/ports/lock.js';
import { type Connection, libraries } from '../support/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.js';

// A machine that was suspended goes on with its timers and performance.now() where they were; the date has moved.
const holdMs = 15_000;
const never = new AbortController().signal;
const suspend = (ms: number) => vi.setSystemTime(Date.now() + ms);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function hold(lock: Lock, task: (lease: Lease) => void): Promise<void> {
  await lock.run(`evertoken:suspended-${process.pid}`, never, async (lease) => task(lease), { holdMs });
}

function promises(lockOf: () => Lock): void {
  test('sees as soon as it goes on that its time has passed', async () => {
    await hold(lockOf(), (lease) => {
      expect(lease.signal.aborted).toBe(false);
      suspend(holdMs + 1);
      expect(lease.signal.aborted).toBe(true);
      expect(lease.signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
    });
  });

  test('keeps the lock if it was not suspended for that long', async () => {
    await hold(lockOf(), (lease) => {
      suspend(holdMs - 5_000);
      expect(lease.signal.aborted).toBe(false);
    });
  });

  test('is told as well if it took the signal before', async () => {
    await hold(lockOf(), (lease) => {
      const { signal } = lease;
      suspend(holdMs + 1);
      expect(lease.signal).toBe(signal);
      expect(signal.aborted).toBe(true);
    });
  });
}

describe('a process that was suspended with the lock of a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-suspended-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  promises(() => fileLock(join(folder, 'credentials.json')));
});

describe.skipIf(!hasRedis).each(libraries)(
  'a process that was suspended with the lock of redis, with %s',
  (_, connect) => {
    let server: RedisServer;
    let redis: Connection;
    beforeAll(async () => {
      server = await startRedis();
      redis = await connect(server);
    });
    afterAll(async () => {
      await redis?.close();
      await server?.stop();
    });
    promises(() => redisLock(redis.client));
  },
);
