import { createFetch, createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';
import {
  type RedisLike,
  type RedisPublisherLike,
  type RedisSubscriberLike,
  redisChannel,
  redisLock,
  redisStorage,
} from 'evertoken/redis';

/** One user's session and a fetch that speaks for this user. */
export interface User {
  readonly tokens: TokenManager;
  readonly api: typeof fetch;
}

/** Where the sessions of all users live, and whom to ask. */
export interface UsersOptions {
  client: RedisLike & RedisPublisherLike;
  /** Another connection: one that subscribes takes no other commands. */
  subscriber: RedisSubscriberLike;
  tokenUrl: string;
  apiOrigin: string;
  /** 32 bytes; what lies in Redis is of no use without them. */
  encryptionKey: Uint8Array;
  /** How many users this process keeps at hand; the sessions of the others are in Redis. */
  atHand?: number;
}

/** The users of a fleet of processes: whichever of them is first refreshes, and the others take what it has stored. */
export function createUsers(options: UsersOptions): { user(id: string): User } {
  const { client, subscriber, tokenUrl, apiOrigin, encryptionKey, atHand = 1_000 } = options;
  const month = 30 * 86_400_000;
  const platform = {
    ...node(),
    storage: redisStorage(client, { ttlMs: month, encryptionKey }), // as long as a refresh token lives unused
    lock: redisLock(client),
    channel: redisChannel(client, subscriber),
  };
  const refresh = tokenEndpoint({ url: tokenUrl, clientId: 'shop-service' });
  const users = new Map<string, User>();

  return {
    user(id) {
      const known = users.get(id);
      users.delete(id); // the map keeps its order: last used, last
      const tokens = known?.tokens ?? createTokenManager({ refresh, platform, key: `user-${id}` });
      const user = known ?? { tokens, api: createFetch(tokens, { origins: [apiOrigin] }) };
      users.set(id, user);
      for (const [oldest, { tokens: unused }] of users) {
        if (users.size <= atHand) break;
        users.delete(oldest);
        unused.dispose(); // the session itself stays in Redis
      }
      return user;
    },
  };
}
