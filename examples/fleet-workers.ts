import { createTokenManager, tokenEndpoint } from 'evertoken';
import { createFleet, indexed } from 'evertoken/fleet';
import { node } from 'evertoken/node';
import { redisDueIndex, redisLock, redisStorage } from 'evertoken/redis';
import { Redis } from 'ioredis';

export const client = new Redis(process.env.REDIS_URL ?? 'redis://localhost');
const due = redisDueIndex(client);
const lanes = { crm: { perSecond: 20 }, mail: { perSecond: 5, from: 0.9, until: 1 } };
const laneOf = (key: string): string => key.split('/')[0] ?? 'default'; // 'crm/customer-42'

const storage = indexed(redisStorage(client), due, { laneOf, lanes });
const lock = redisLock(client, { leaseMs: 3_000 }); // what a process that died holds up
const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });

export const fleet = createFleet({
  open: (key, guard) => createTokenManager({ key, refresh, platform: { ...node(), storage, lock }, ...guard }),
  due,
  lock,
  laneOf,
  lanes,
});

// in a worker: feeds and works until the process is told to end
export async function work(): Promise<void> {
  process.once('SIGTERM', () => void fleet.stop());
  fleet.on('lanePaused', ({ lane, reason }) => console.warn(`${lane} is paused: ${reason}`));
  await fleet.run();
}

// in the service: the session of a customer, kept fresh by the workers
export const accessTokenOf = (key: string): Promise<string> => fleet.session(key).getAccessToken();

// once a day, say: who has to connect again
export async function askToReconnect(ask: (key: string) => Promise<void>): Promise<void> {
  for (const { key } of await fleet.ended()) {
    await ask(key);
    await fleet.acknowledge([key]);
  }
}
