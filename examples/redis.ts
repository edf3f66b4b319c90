import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';
import { redisChannel, redisLock, redisStorage } from 'evertoken/redis';
import { Redis } from 'ioredis';

export const client = new Redis(process.env.REDIS_URL ?? 'redis://localhost');
export const subscriber = client.duplicate(); // one that subscribes takes no other commands

const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });
const platform = {
  ...node(),
  storage: redisStorage(client),
  lock: redisLock(client),
  channel: redisChannel(client, subscriber),
};

export const tokensOf = (user: string): TokenManager => createTokenManager({ refresh, platform, key: `user-${user}` });
