import { Queue, Worker } from 'bullmq';
import { createTokenManager, type RefreshTokens, type TokenManager, tokenEndpoint } from 'evertoken';
import { bullQueue } from 'evertoken/bullmq';
import { createFleet, type Fleet, indexed, type SessionGuard } from 'evertoken/fleet';
import { node } from 'evertoken/node';
import { redisDueIndex, redisLock, redisStorage } from 'evertoken/redis';
import { Redis } from 'ioredis';
import { LANES, laneOf, type Settings } from './settings.js';

/** What every process of the example is told. */
export interface Place {
  readonly settings: Settings;
  /** The socket of Redis. */
  readonly socket: string;
  /** The token endpoint of each lane. */
  readonly addresses: Readonly<Record<string, string>>;
}

/** One process's view of the fleet. */
export interface FleetHere {
  readonly fleet: Fleet;
  open(key: string, guard?: SessionGuard): TokenManager;
  readonly client: Redis;
  close(): void;
}

/** The fleet, on the same Redis and the same lanes in every process. */
export function fleetOf({ settings, socket, addresses }: Place): FleetHere {
  const client = new Redis({ path: socket });
  const jobs = new Redis({ path: socket, maxRetriesPerRequest: null, lazyConnect: true });
  for (const redis of [client, jobs]) redis.on('error', () => undefined); // it goes on trying, and the fleet says so
  const due = redisDueIndex(client);
  const lock = redisLock(client, { leaseMs: 3_000 });
  const lanes = Object.fromEntries(LANES.map((lane) => [lane, { perSecond: 400, concurrency: 32 }]));
  const storage = indexed(redisStorage(client), due, { laneOf, lanes });
  const platform = { ...node(), storage, lock };
  const endpoints = new Map<string, RefreshTokens>(
    Object.entries(addresses).map(([lane, url]) => [lane, tokenEndpoint({ url, clientId: 'fleet' })]),
  );
  const refreshOf = (key: string): RefreshTokens => {
    const endpoint = endpoints.get(laneOf(key));
    if (!endpoint) throw new Error(`Expected a key of one of the lanes ${LANES.join(', ')}, got ${key}.`);
    return endpoint;
  };
  const open = (key: string, guard?: SessionGuard) =>
    createTokenManager({ key, refresh: refreshOf(key), platform, ...guard });
  const queue = settings.queue === 'bullmq' ? { queue: bullQueue({ Queue, Worker }, { connection: jobs }) } : {};
  return {
    open,
    client,
    fleet: createFleet({ open, due, lock, laneOf, lanes, ...queue }),
    close() {
      client.disconnect();
      jobs.disconnect();
    },
  };
}
