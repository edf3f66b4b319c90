import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';
import { type RedisLike, redisLock, redisStorage } from 'evertoken/redis';

/** One session for a whole fleet: whichever process is first refreshes, the others take what it has stored. */
export function createTokens(client: RedisLike): TokenManager {
  return createTokenManager({
    refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' }),
    platform: { ...node(), storage: redisStorage(client), lock: redisLock(client) },
  });
}
