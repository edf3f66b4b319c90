import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthServer } from '../../src/testing.js';
import { freePort } from '../support/free-port.js';
import { hasRedisServer, startRedis } from '../support/redis-server.js';

const root = new URL('../../', import.meta.url);
const USERS = Array.from({ length: 20 }, (_, index) => `user${index}`);

test.skipIf(!hasRedisServer)(
  'a service of three processes calls an API for twenty users: one refresh each, however many requests',
  { timeout: 60_000 },
  async () => {
    const server = createAuthServer({ accessTokenLifetimeMs: 1 });
    const listening = await server.listen();
    const port = await freePort();
    const redis = await startRedis({ own: true });
    const service = spawn(
      process.execPath,
      [
        '--import',
        new URL('scripts/typescript.mjs', root).href,
        fileURLToPath(new URL('examples/node-service/main.ts', root)),
      ],
      {
        env: {
          ...process.env,
          AUTH_URL: listening.origin,
          REDIS_URL: redis.socket,
          PORT: String(port),
          PROCESSES: '3',
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    onTestFinished(async () => {
      service.kill('SIGKILL');
      await listening.close();
      await redis.stop();
    });
    await new Promise((resolve) => service.stdout.once('data', resolve));
    const call = (path: string, init?: RequestInit) =>
      fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { connection: 'close' } });

    expect((await call('/users/nobody/items')).status).toBe(401);
    const answeredBy = new Set<string>();
    for (const user of USERS) {
      const body = JSON.stringify(server.signIn({ user }));
      const response = await call(`/users/${user}/session`, { method: 'PUT', body });
      expect(response.status).toBe(201);
      answeredBy.add(await response.text());
    }
    expect(answeredBy.size).toBe(3);

    server.set({ accessTokenLifetimeMs: 3_600_000 });
    const requests = USERS.flatMap((user) =>
      Array.from({ length: 10 }, () => ({ user, response: call(`/users/${user}/items`) })),
    );
    for (const { user, response } of requests) {
      expect(await (await response).text()).toContain(user);
    }
    expect(server.tokenRequests).toHaveLength(USERS.length);
    expect(server.counts.familiesRevoked).toBe(0);

    // signing out in one process signs out in all of them
    expect((await call('/users/user0/session', { method: 'DELETE' })).status).toBe(200);
    // (the news travels beside the answer to DELETE, and may come after it)
    const sixStatuses = async () => {
      const statuses: number[] = [];
      for (let i = 0; i < 6; i++) statuses.push((await call('/users/user0/items')).status);
      return statuses;
    };
    await expect.poll(sixStatuses).toEqual(Array(6).fill(401));
  },
);
