import { Queue, Worker } from 'bullmq';
import { bullQueue } from 'evertoken/bullmq';
import { createFleet } from 'evertoken/fleet';
import { redisDueIndex, redisLock } from 'evertoken/redis';
import { Redis } from 'ioredis';
import { open } from './fleet-sessions.js';

const client = new Redis(process.env.REDIS_URL ?? 'redis://localhost');
const connection = new Redis(process.env.REDIS_URL ?? 'redis://localhost', { maxRetriesPerRequest: null });

export const fleet = createFleet({
  open,
  due: redisDueIndex(client),
  lock: redisLock(client),
  queue: bullQueue({ Queue, Worker }, { connection }),
});
