import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { indexed, type SessionGuard } from 'evertoken/fleet';
import { node } from 'evertoken/node';
import { redisDueIndex, redisLock, redisStorage } from 'evertoken/redis';
import { Redis } from 'ioredis';

const client = new Redis(process.env.REDIS_URL ?? 'redis://localhost');
const platform = { ...node(), storage: indexed(redisStorage(client), redisDueIndex(client)), lock: redisLock(client) };
const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });

/** The manager of a customer's session; with a guard, as the fleet wants it. */
export const open = (key: string, guard?: SessionGuard): TokenManager =>
  createTokenManager({ key, refresh, platform, ...guard });
