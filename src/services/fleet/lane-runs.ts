import type { ClaimedEntry } from '../../ports/due-index.js';
import type { JobQueue } from '../../ports/job-queue.js';
import type { Lock } from '../../ports/lock.js';
import { feed } from './feeder.js';
import { atMost } from './fleet-clock.js';
import type { LaneFigures } from './fleet-snapshot.js';
import type { LaneRule } from './lane-options.js';
import type { SessionWorld } from './open-session.js';
import { work } from './worker.js';

/** What feeding and working need. */
export interface RunWorld extends SessionWorld {
  readonly queue: JobQueue;
  readonly lock: Lock;
  readonly figures: LaneFigures;
  readonly ruleOf: (lane: string) => LaneRule;
  /** Jobs that were not begun end with this process, and their sessions go back into the index. */
  readonly isQueueOwn: boolean;
}

/** Which of the two halves this process does. */
export interface Halves {
  readonly feed: boolean;
  readonly work: boolean;
}

/** The lanes that are fed and worked on here. */
export interface LaneRuns {
  /** Begins with a lane, if it has not begun yet. */
  start(lane: string): void;
  /** Resolves when nothing is under way any more, within a bound; what was claimed and not begun goes back. */
  end(): Promise<void>;
}

/** A request and the wait for the lock, as a manager bounds them by default; `stop()` takes half a second more at most. */
const LONGEST_MS = 14_500;

/** Feeds and works until the signal aborts, one lane beside the other. */
export function createLaneRuns(world: RunWorld, halves: Halves, signal: AbortSignal): LaneRuns {
  const { due, queue, figures, ruleOf, clock, emitter } = world;
  /** Handed to the queue, and not begun here. */
  const handed = new Map<string, ClaimedEntry>();
  const lanes = new Map<string, readonly [stop: () => Promise<unknown>, fed: Promise<void>]>();

  function fed(entry: ClaimedEntry): void {
    if (world.isQueueOwn && halves.work) handed.set(entry.key, entry);
    if (entry.urgent) emitter.emit('workerRelieved', { key: entry.key, lane: entry.lane, at: clock.now() });
  }

  async function begin(lane: string, key: string): Promise<void> {
    if (signal.aborted && handed.has(key)) return; // goes back into the index
    handed.delete(key);
    figures.started(lane);
    try {
      await work(world, key, lane, ruleOf(lane));
    } catch (error) {
      failed('work', error);
    } finally {
      figures.ended(lane);
    }
  }

  async function giveBack(): Promise<void> {
    for (const { key, usedAt, ...entry } of handed.values()) {
      try {
        await due.put(key, entry);
      } catch {
        // its claim runs out by itself
      }
    }
  }

  const failed = (operation: string, error: unknown) =>
    emitter.emit('indexFailed', { at: clock.now(), operation, error });

  return {
    start(lane) {
      if (lanes.has(lane) || signal.aborted) return;
      const rule = ruleOf(lane);
      const note = figures.note;
      let stop: () => Promise<unknown> = async () => queue.close?.(lane);
      try {
        if (halves.work) stop = queue.process(lane, (key) => begin(lane, key), rule);
      } catch (error) {
        failed('process', error); // and is tried again with the next look
        return;
      }
      const feeding = halves.feed ? feed({ ...world, note, fed }, lane, rule, signal) : Promise.resolve();
      lanes.set(lane, [stop, feeding]);
    },
    async end() {
      // What feeds uses the queue, which stopping closes.
      const stopped = [...lanes.values()].map(([stop, feeding]) =>
        feeding.then(stop).catch((error: unknown) => failed('stop', error)),
      );
      await atMost(clock, LONGEST_MS, Promise.all(stopped).then(giveBack));
    },
  };
}
