import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import type { RedisLike, RedisPublisherLike, RedisSubscriberLike } from '../../src/adapters/redis.js';
import type { RedisServer } from './redis-server.js';

/** A connection of one of the two libraries, and a few words to Redis itself. */
export interface Connection {
  readonly client: RedisLike & RedisPublisherLike & RedisSubscriberLike;
  /** Any command, word by word. */
  command(...words: string[]): Promise<unknown>;
  close(): Promise<void>;
}

export type Connect = (server: RedisServer) => Promise<Connection>;

const connectIoRedis: Connect = async (server) => {
  const options = { retryStrategy: () => 20, maxRetriesPerRequest: 3 };
  const client = server.url ? new Redis(server.url, options) : new Redis({ ...options, path: server.socket });
  client.on('error', () => undefined); // it goes on trying, and says so with every attempt
  await client.ping();
  return {
    client,
    command: (name = '', ...words) => client.call(name, ...words),
    close: async () => client.disconnect(),
  };
};

const connectNodeRedis: Connect = async (server) => {
  const reconnectStrategy = () => 20;
  const client = createClient(
    server.url
      ? { url: server.url, socket: { reconnectStrategy } }
      : { socket: { path: server.socket, tls: false, reconnectStrategy } },
  );
  client.on('error', () => undefined);
  await client.connect();
  return {
    client,
    command: (...words) => client.sendCommand(words),
    close: async () => client.destroy(),
  };
};

/** Both libraries, for tests that run with each. */
export const libraries: [name: string, connect: Connect][] = [
  ['ioredis', connectIoRedis],
  ['node-redis', connectNodeRedis],
];

/** The cluster clients of both. */
export const clusterLibraries: [name: string, connect: (port: number) => Promise<Omit<Connection, 'command'>>][] = [
  [
    'ioredis',
    async (port) => {
      const client = new Cluster([{ host: '127.0.0.1', port }]);
      client.on('error', () => undefined);
      return { client, close: async () => client.disconnect() };
    },
  ],
  [
    'node-redis',
    async (port) => {
      const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
      client.on('error', () => undefined);
      await client.connect();
      return { client, close: async () => client.destroy() };
    },
  ],
];
