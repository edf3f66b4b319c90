import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { redisLock, redisStorage } from '../../src/adapters/redis.js';
import { createTokenManager, type Platform, type TokenManager } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import { libraries } from '../support/redis-clients.js';
import { hasRedis, startRedis } from '../support/redis-server.js';
import { silent } from '../support/signed-in.js';

/** A process that hears of nothing: what a peer does is found by looking. */
function service(platform: Platform): TokenManager {
  const refresh = () => Promise.reject(new Error('nobody expected a refresh'));
  const tokens = createTokenManager({ refresh, platform: { ...platform, channel: silent } });
  onTestFinished(() => tokens.dispose());
  return tokens;
}

/** Asks a service that has found nobody before, signs in in another process, and asks until it is found. */
async function signInElsewhere(ours: TokenManager, theirs: TokenManager): Promise<void> {
  for (let ask = 0; ask < 3; ask++) {
    await expect(ours.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  }
  await theirs.startSession({ access_token: 'theirs', refresh_token: 'rt', expires_in: 600 });
  await expect.poll(() => ours.getAccessToken().catch(() => undefined), { timeout: 3_000 }).toBe('theirs');
}

describe('E9: a service without notices that has found nobody finds a sign-in of another process, without a restart', () => {
  test.skipIf(!hasRedis).each(libraries)('on Redis, with %s', async (_, connect) => {
    const server = await startRedis({ own: true });
    onTestFinished(() => server.stop());
    const connected = async () => {
      const connection = await connect(server);
      onTestFinished(() => connection.close());
      const { client } = connection;
      return service({ ...node(), storage: redisStorage(client), lock: redisLock(client) });
    };
    await signInElsewhere(await connected(), await connected());
  });

  test('on a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evertoken-elsewhere-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'session.json');
    await signInElsewhere(service(node({ file })), service(node({ file })));
  });
});
