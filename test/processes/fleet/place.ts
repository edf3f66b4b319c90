import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { createFleet, type DueIndex, type Fleet, indexed, type SessionGuard } from 'evertoken/fleet';
import { node } from 'evertoken/node';
import { redisDueIndex, redisLock, redisStorage } from 'evertoken/redis';
import { sqlDueIndex, sqlLock, sqlStorage } from 'evertoken/sql';
import { Redis } from 'ioredis';
import { Pool } from 'pg';

/** What the processes of one scenario share. */
export interface Place {
  readonly store: { readonly redis: string } | { readonly postgres: string };
  /** The token endpoint. */
  readonly url: string;
  /** What its keys begin with. */
  readonly name: string;
}

/** One process's view of it. */
export interface Here {
  readonly fleet: Fleet;
  readonly due: DueIndex;
  open(key: string, guard?: SessionGuard): TokenManager;
  close(): Promise<void>;
}

const LEASE_MS = 3_000;

export function openPlace({ store, url, name }: Place): Here {
  const shape = { laneOf: () => name, lanes: { [name]: { perSecond: 400, concurrency: 32, from: 0.5, until: 0.5 } } };
  const parts = 'redis' in store ? onRedis(store.redis, name) : onPostgres(store.postgres);
  const storage = indexed(parts.storage, parts.due, shape);
  const refresh = tokenEndpoint({ url, clientId: 'fleet', headers: { 'x-process': String(process.pid) } });
  const open = (key: string, guard?: SessionGuard) =>
    createTokenManager({ key, refresh, platform: { ...node(), storage, lock: parts.lock }, ...guard });
  const fleet = createFleet({ open, due: parts.due, lock: parts.lock, ...shape });
  return { fleet, due: parts.due, open, close: parts.close };
}

function onRedis(path: string, name: string) {
  const client = new Redis({ path });
  client.on('error', () => undefined);
  return {
    storage: redisStorage(client),
    due: redisDueIndex(client, { prefix: `{${name}}` }),
    lock: redisLock(client, { leaseMs: LEASE_MS }),
    close: async () => client.disconnect(),
  };
}

function onPostgres(folder: string) {
  const pool = new Pool({ host: folder, user: 'postgres', database: 'postgres', max: 8 });
  pool.on('error', () => undefined);
  return {
    storage: sqlStorage(pool),
    due: sqlDueIndex(pool),
    lock: sqlLock(pool, { leaseMs: LEASE_MS }),
    close: () => pool.end(),
  };
}
