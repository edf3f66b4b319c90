import { Queue, Worker } from 'bullmq';
import { createTokenManager, type RefreshTokens, type TokenManager, tokenEndpoint } from 'evertoken';
import { bullQueue } from 'evertoken/bullmq';
import { createFleet, type Fleet, indexed, type SessionGuard } from 'evertoken/fleet';
import { node } from 'evertoken/node';
import { redisDueIndex, redisLock, redisStorage } from 'evertoken/redis';
import { sqlDueIndex, sqlLock, sqlStorage } from 'evertoken/sql';
import { Redis } from 'ioredis';
import { poolOf } from './postgres.js';
import { isOnPostgres, LANES, laneOf, type Settings } from './settings.js';

/** What every process of the example is told. */
export interface Place {
  readonly settings: Settings;
  /** The socket of Redis, or the folder of that of PostgreSQL. */
  readonly socket: string;
  /** The token endpoint of each lane. */
  readonly addresses: Readonly<Record<string, string>>;
}

/** One process's view of the fleet. */
export interface FleetHere {
  readonly fleet: Fleet;
  open(key: string, guard?: SessionGuard): TokenManager;
  close(): Promise<void>;
}

const LEASE_MS = 3_000;

function storesOf({ settings, socket }: Place) {
  if (isOnPostgres(settings.queue)) {
    const pool = poolOf(socket, 10);
    return {
      due: sqlDueIndex(pool),
      lock: sqlLock(pool, { leaseMs: LEASE_MS }),
      storage: sqlStorage(pool),
      close: () => pool.end(),
    };
  }
  const client = new Redis({ path: socket });
  client.on('error', () => undefined); // it goes on trying, and the fleet says so
  return {
    due: redisDueIndex(client),
    lock: redisLock(client, { leaseMs: LEASE_MS }),
    storage: redisStorage(client),
    close: async () => client.disconnect(),
  };
}

/** The fleet, on the same stores and the same lanes in every process. */
export function fleetOf(place: Place): FleetHere {
  const { settings, socket, addresses } = place;
  const { due, lock, storage: bare, close } = storesOf(place);
  const jobs = new Redis({ path: socket, maxRetriesPerRequest: null, lazyConnect: true });
  jobs.on('error', () => undefined);
  const lanes = Object.fromEntries(LANES.map((lane) => [lane, { perSecond: 400, concurrency: 32 }]));
  const isFleet = settings.queue !== 'delayed-jobs' && settings.queue !== 'pg-boss';
  const storage = isFleet ? indexed(bare, due, { laneOf, lanes }) : bare;
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
    fleet: createFleet({ open, due, lock, laneOf, lanes, ...queue }),
    async close() {
      jobs.disconnect();
      await close();
    },
  };
}
