import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { redisLock, redisStorage } from '../../src/adapters/redis.js';
import { createTokenManager, isTokenError, type RefreshTokens, tokenEndpoint } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import { createAuthServer } from '../../src/testing.js';
import { libraries } from '../support/redis-clients.js';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-server.js';

interface Trouble {
  begin(server: RedisServer): unknown;
  end(server: RedisServer): unknown;
}

async function tell(server: RedisServer, ...words: string[]): Promise<string> {
  return (await promisify(execFile)('redis-cli', ['-s', server.socket, ...words])).stdout;
}

async function say(server: RedisServer, ...words: string[]): Promise<void> {
  expect(await tell(server, ...words)).toMatch(/^OK/);
}

/** Saves, and waits for what comes of it. */
async function save(server: RedisServer, outcome: 'ok' | 'err'): Promise<void> {
  await tell(server, 'BGSAVE');
  await expect.poll(() => tell(server, 'INFO', 'persistence')).toMatch(`rdb_last_bgsave_status:${outcome}`);
}

/** Where it saves: a folder of that name is in the way. */
const dumpOf = ({ socket }: RedisServer) => join(dirname(socket), 'dump.rdb');

const troubles: [what: string, Trouble][] = [
  ['is down', { begin: (server) => server.kill(), end: (server) => server.start() }],
  ['hangs', { begin: (server) => server.signal('SIGSTOP'), end: (server) => server.signal('SIGCONT') }],
  ['is slow', { begin: (server) => say(server, 'CLIENT', 'PAUSE', '700'), end: () => undefined }],
  [
    'is out of memory',
    {
      begin: (server) => say(server, 'CONFIG', 'SET', 'maxmemory', '1'),
      end: (server) => say(server, 'CONFIG', 'SET', 'maxmemory', '0'),
    },
  ],
  [
    'cannot write to its disk',
    {
      begin: async (server) => {
        mkdirSync(dumpOf(server));
        await say(server, 'CONFIG', 'SET', 'save', '3600 1');
        await save(server, 'err');
      },
      end: async (server) => {
        rmSync(dumpOf(server), { recursive: true });
        await save(server, 'ok');
      },
    },
  ],
  [
    'cuts all connections',
    {
      begin: async (server) =>
        expect(Number(await tell(server, 'CLIENT', 'KILL', 'TYPE', 'normal'))).toBeGreaterThan(1),
      end: () => undefined,
    },
  ],
  [
    'has become a replica',
    {
      begin: (server) => say(server, 'REPLICAOF', '127.0.0.1', '1'),
      end: (server) => say(server, 'REPLICAOF', 'NO', 'ONE'),
    },
  ],
];
const moments = ['before the refresh', 'before the server acts', 'after the server has acted'] as const;
const cases = libraries.flatMap(([library, connect]) =>
  troubles.flatMap(([what, trouble]) => moments.map((moment) => [what, moment, library, connect, trouble] as const)),
);

/** What a caller is told who tries again later. */
const laterCodes = /^ERR_(STORAGE_READ|STORAGE_WRITE|LOCK_TIMEOUT|LOCK_LOST|REFRESH_TIMEOUT)$/;

test.skipIf(!hasRedisServer).concurrent.for(cases)(
  'a Redis that %s, from %s on, signs nobody out and loses nothing (%s)',
  { timeout: 60_000 },
  async ([, moment, , connect, trouble], { onTestFinished }) => {
    const redis = await startRedis({ own: true, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    onTestFinished(() => redis.stop());
    const server = createAuthServer({ accessTokenLifetimeMs: 3_600_000 });
    let laterMs = 0; // Redis and the timers live in real time; expiry need not
    const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'fleet', fetch: server.fetch });
    let hasBegun = false;
    const beginAt = async (now: (typeof moments)[number]) => {
      if (now !== moment || hasBegun || server.tokenRequests.length > (now === moments[2] ? 1 : 0)) return;
      hasBegun = true;
      await trouble.begin(redis);
    };
    const refresh: RefreshTokens = async (request) => {
      await beginAt('before the server acts');
      const response = await endpoint(request);
      await beginAt('after the server has acted');
      return response;
    };
    const ended: string[] = [];
    const createProcess = async () => {
      const connection = await connect(redis);
      onTestFinished(() => connection.close());
      const storage = redisStorage(connection.client);
      const { clock, ...rest } = node();
      const platform = {
        ...rest,
        storage,
        lock: redisLock(connection.client),
        clock: { ...clock, now: () => clock.now() + laterMs },
      };
      const tokens = createTokenManager({ refresh, platform, timeoutMs: 3_000, retry: { minDelayMs: 20 } });
      tokens.on('sessionEnded', ({ reason }) => ended.push(reason));
      return { tokens, storage };
    };
    const [here, there] = [await createProcess(), await createProcess()];
    await here.tokens.startSession(server.signIn());
    await there.tokens.getAccessToken();
    laterMs = 7_200_000;

    await beginAt('before the refresh');
    const began = performance.now();
    const outcome = await here.tokens.getAccessToken().catch((error: unknown) => error);
    expect(performance.now() - began).toBeLessThan(20_000); // the lock 8 s, the storage 5 s at a time
    expect(hasBegun).toBe(true);
    if (typeof outcome === 'string') expect(server.inspect(outcome)?.active).toBe(true);
    else expect(isTokenError(outcome) && outcome.code).toMatch(laterCodes);

    await trouble.end(redis);
    // the one that holds the newest tokens gets them stored by itself
    const stored = await until(async () => {
      const token = await here.tokens.getAccessToken();
      const record = JSON.parse(String(await here.storage.getItem('evertoken:session')));
      return record.accessToken === token ? token : undefined;
    });
    expect(await until(() => there.tokens.getAccessToken())).toBe(stored);
    const third = await createProcess();
    expect(await third.tokens.getAccessToken()).toBe(stored);
    await third.tokens.refresh(); // with the newest refresh token, or the server would revoke all of them
    expect(server.inspect(await third.tokens.getAccessToken())?.active).toBe(true);
    expect([server.counts.familiesRevoked, ended]).toEqual([0, []]);
  },
);

/** Tries until there is an answer; fails with the last error after 15 s. */
async function until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  const endsAt = performance.now() + 15_000;
  for (;;) {
    const isLast = performance.now() > endsAt;
    const answer = await attempt().catch((error: unknown) => {
      if (isLast) throw error;
    });
    if (answer !== undefined) return answer as T;
    if (isLast) throw new Error('no answer within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
