import type { JobQueue } from '../../ports/job-queue.js';
import { wrongOption } from './lane-options.js';

interface Lane {
  readonly waiting: Set<string>;
  readonly running: Map<string, Promise<void>>;
  work: ((key: string) => Promise<void>) | undefined;
  concurrency: number;
}

/**
 * Hands jobs to workers of this process: the default of a fleet.
 *
 * `concurrency`: jobs at once over all lanes together. Default: no bound but the lanes' own.
 */
export function inProcessQueue(options: { concurrency?: number } = {}): JobQueue {
  const { concurrency: most = Number.POSITIVE_INFINITY } = options;
  if (!(most === Number.POSITIVE_INFINITY || (Number.isInteger(most) && most > 0))) {
    throw wrongOption('concurrency of inProcessQueue()', 'a whole number above 0', most);
  }
  const lanes = new Map<string, Lane>();
  let running = 0;

  function laneOf(name: string): Lane {
    const known = lanes.get(name);
    if (known) return known;
    const lane: Lane = { waiting: new Set(), running: new Map(), work: undefined, concurrency: 0 };
    lanes.set(name, lane);
    return lane;
  }

  /** Begins with a job of a lane, if there is one and room for it. */
  function startOne(lane: Lane): boolean {
    const [key] = lane.waiting;
    if (key === undefined || !lane.work || lane.running.size >= lane.concurrency || running >= most) return false;
    lane.waiting.delete(key);
    running++;
    const job = lane
      .work(key)
      .catch(() => undefined)
      .then(() => {
        running--;
        lane.running.delete(key);
        startNext(lane);
      });
    lane.running.set(key, job);
    return true;
  }

  /** Lanes that share a bound take turns: the one that began a job last comes last. */
  function startNext(lane: Lane): void {
    if (most === Number.POSITIVE_INFINITY) {
      while (startOne(lane));
      return;
    }
    for (let isGoingOn = true; isGoingOn; ) {
      isGoingOn = false;
      for (const [name, other] of [...lanes]) {
        if (!startOne(other)) continue;
        isGoingOn = true;
        lanes.delete(name);
        lanes.set(name, other);
      }
    }
  }

  return {
    async add(name, keys) {
      const lane = laneOf(name);
      for (const key of keys) if (!lane.running.has(key)) lane.waiting.add(key);
      startNext(lane);
    },
    process(name, work, { concurrency }) {
      const lane = laneOf(name);
      lane.work = work;
      lane.concurrency = concurrency;
      startNext(lane);
      return async () => {
        lane.work = undefined;
        lane.waiting.clear();
        await Promise.all(lane.running.values());
      };
    },
    waiting: async (name) => laneOf(name).waiting.size,
  };
}
