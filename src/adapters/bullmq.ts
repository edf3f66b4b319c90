import { OptionsError } from '../errors.js';
import type { JobQueue } from '../ports/job-queue.js';
import { checkOptions } from './parts/check-options.js';

/** What is called of a BullMQ queue. */
export interface BullQueueLike {
  addBulk(jobs: { name: string; data: { key: string }; opts: Record<string, unknown> }[]): Promise<unknown>;
  getWaitingCount(): Promise<number>;
  close(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** What is called of a BullMQ worker. */
export interface BullWorkerLike {
  close(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** The classes of BullMQ 6: `import { Queue, Worker } from 'bullmq'`; what they take besides is BullMQ's own. */
export interface BullClassesLike {
  Queue: new (name: string, options: never) => BullQueueLike;
  Worker: new (name: string, work: (job: { data: { key: string } }) => Promise<void>, options: never) => BullWorkerLike;
}

/** See {@link bullQueue}. */
export interface BullQueueOptions {
  /** As BullMQ takes it, for queues and workers: an ioredis connection or its options, say. */
  connection: unknown;
  /** What the keys of BullMQ begin with. Default: BullMQ's own, `bull`. */
  prefix?: string;
  /** Hears of connection errors, which BullMQ recovers from by itself. Default: nobody. */
  onError?: (error: Error) => void;
}

const NAME = 'refresh';
/** A stalled job is one whose process died; it is given to another worker as often as that happens. */
const ALWAYS = 1_000_000;

/**
 * Hands the jobs of a fleet out through BullMQ 6: a queue per lane, a job per session that is due.
 *
 * Takes the classes, so that nothing of BullMQ is imported. A job holds the session's key and nothing else, is not
 * repeated when it fails, and leaves nothing behind. Throws an `OptionsError` for what are not these classes.
 *
 * @example
 * const queue = bullQueue({ Queue, Worker }, { connection: { host: 'localhost' } });
 */
export function bullQueue(classes: BullClassesLike, options: BullQueueOptions): JobQueue {
  const { Queue, Worker } = Object(classes) as BullClassesLike;
  const instead = 'bullQueue({ Queue, Worker }, { connection })';
  const { connection, prefix, onError } = checkOptions<BullQueueOptions>(
    'bullQueue',
    options,
    ['connection', 'prefix', 'onError'],
    instead,
  );
  if (typeof Queue !== 'function' || typeof Worker !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the classes Queue and Worker of bullmq; write ${instead} with both, of the package bullmq.`,
    );
  }
  const isPrefix = prefix === undefined || (typeof prefix === 'string' && prefix !== '');
  if (Object(connection) !== connection || !isPrefix || (onError !== undefined && typeof onError !== 'function')) {
    const expected = 'a connection or its options, prefix as a string that is not empty, and onError as a function';
    throw new OptionsError('ERR_OPTIONS', `Expected ${expected}. Write ${instead}.`);
  }
  const shared = { connection, ...(prefix !== undefined && { prefix }) };
  const queues = new Map<string, BullQueueLike>();
  const hear = (error: Error) => onError?.(error);

  function queueOf(lane: string): BullQueueLike {
    const known = queues.get(lane);
    if (known) return known;
    const queue = new Queue(queueName(lane), shared as never);
    queue.on('error', hear);
    queues.set(lane, queue);
    return queue;
  }

  async function close(lane: string): Promise<void> {
    const queue = queues.get(lane);
    queues.delete(lane);
    await queue?.close();
  }

  return {
    add: (lane, keys) =>
      queueOf(lane).addBulk(
        keys.map((key) => ({
          name: NAME,
          data: { key },
          opts: { jobId: jobId(key), attempts: 1, removeOnComplete: true, removeOnFail: true },
        })),
      ),
    process(lane, work, { concurrency, takeoverMs }) {
      const run = async (job: { data: { key: string } }) => {
        // What it fails with is told by the fleet, and does not belong into Redis.
        await work(job.data.key).catch(() => undefined);
      };
      const worker = new Worker(queueName(lane), run, {
        ...shared,
        concurrency,
        lockDuration: takeoverMs,
        stalledInterval: takeoverMs,
        maxStalledCount: ALWAYS,
      } as never);
      worker.on('error', hear);
      return async () => {
        await worker.close();
        await close(lane);
      };
    },
    waiting: (lane) => queueOf(lane).getWaitingCount(),
    close,
  };
}

/** BullMQ takes neither a colon in names and ids, nor an id that is a number. */
function queueName(lane: string): string {
  return `evertoken-fleet-${encodeURIComponent(lane)}`;
}

function jobId(key: string): string {
  return `key-${encodeURIComponent(key)}`;
}
