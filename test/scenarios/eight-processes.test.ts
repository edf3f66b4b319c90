import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { playRounds } from '../processes/rounds.js';
import { hasRedisServer, startRedis } from '../support/redis-server.js';

// `npm run test:processes` plays fifty rounds and prints what came of them
const rounds = 6;

describe('eight processes on one session make one request a round, although one of them is killed each time', () => {
  test('on a credentials file, which is whole and private at every look', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evertoken-eight-'));
    const tally = await playRounds({ file: join(folder, 'credentials.json') }, { rounds });
    rmSync(folder, { recursive: true });
    expect(tally.faults).toEqual([]);
    expect(tally.looks).toBeGreaterThan(100);
  });

  test.skipIf(!hasRedisServer)('on Redis', { timeout: 60_000 }, async () => {
    const server = await startRedis({ own: true });
    const tally = await playRounds(
      { redis: { library: 'ioredis', socket: server.socket, leaseMs: 1_500 } },
      { rounds },
    );
    await server.stop();
    expect(tally.faults).toEqual([]);
  });
});
