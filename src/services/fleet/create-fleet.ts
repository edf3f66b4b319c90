import type { OptionsError } from '../../errors.js';
import type { TokenManager } from '../../manager/token-manager.js';
import type { Clock } from '../../ports/clock.js';
import type { ClaimedEntry, DueIndex, EndedSession } from '../../ports/due-index.js';
import type { JobQueue } from '../../ports/job-queue.js';
import type { Lock } from '../../ports/lock.js';
import { systemClock } from '../../time/system-clock.js';
import { createAtHand } from './at-hand.js';
import { createFleetEmitter, type FleetEvents } from './fleet-events.js';
import { createRunner } from './fleet-runner.js';
import { createLaneFigures, type FleetSnapshot } from './fleet-snapshot.js';
import { inPortions } from './in-portions.js';
import { inProcessQueue } from './in-process-queue.js';
import { createLaneBoard } from './lane-board.js';
import { type LaneOptions, laneRules, wrongOption } from './lane-options.js';
import { onceBounded } from './once-bounded.js';
import { openSession, type SessionGuard } from './open-session.js';
import { reindex } from './reindex.js';
import { createUseNotes } from './use-notes.js';
import { comeBack } from './worker.js';

/** See {@link createFleet}. */
export interface FleetOptions {
  /**
   * Makes the manager of a session, on a storage that is {@link indexed} with the same `due`.
   *
   * Spread the guard into its options: `key => createTokenManager({ key, refresh, platform, ...guard })`.
   */
  open: (key: string, guard: SessionGuard) => TokenManager;
  /** Which sessions are due when; shared by all processes. */
  due: DueIndex;
  /** Decides which process feeds a lane; usually that of the platform. */
  lock: Lock;
  /** Hands what is due to workers. Default: {@link inProcessQueue}. */
  queue?: JobQueue;
  /** The lane of a session, by its key. Default: all are in the lane `default`. */
  laneOf?: (key: string) => string;
  /** Rates, bounds and times of the lanes; a lane without an entry has the defaults. */
  lanes?: Readonly<Record<string, LaneOptions>>;
  /** How many managers are kept at hand for requests. Default 1 000. */
  atHand?: number;
  /** Time. Default: the system's. */
  clock?: Clock;
  /** A number in [0, 1), for jitter. Default: `Math.random`. */
  random?: () => number;
}

/** Keeps very many sessions fresh; see {@link createFleet}. */
export interface Fleet {
  /**
   * Feeds lanes and works on what is due, until `stop()` or until the signal aborts; then resolves as `stop()` does.
   *
   * `feed: false` or `work: false` leaves one of the two to other processes.
   */
  run(options?: { feed?: boolean; work?: boolean; signal?: AbortSignal }): Promise<void>;
  /** Starts nothing more, and resolves when nothing is under way; at most 15 s later. */
  stop(): Promise<void>;
  /** The manager of a session, for requests; using it counts as use of the session. Do not dispose it. */
  session(key: string): TokenManager;
  /** Refreshes a session ahead of all others, in this process; rejects as the manager's `refresh()` does. */
  refresh(key: string): Promise<void>;
  /** Sessions that their provider has ended, oldest first, until they are acknowledged. `limit`: default 100. */
  ended(options?: { limit?: number }): Promise<readonly EndedSession[]>;
  acknowledge(keys: readonly string[]): Promise<void>;
  /** Sessions whose access token has expired and whose refreshing fails. `limit`: default 100. */
  attention(options?: { limit?: number }): Promise<readonly ClaimedEntry[]>;
  /** Lets a lane go on that is held because so many of its sessions died, or that is paused for any other reason. */
  resume(lane: string): Promise<void>;
  /**
   * Makes the index's entries anew from the records of these sessions; resolves with how many there were.
   *
   * Rejects with a `StorageError` where a record cannot be read: begin again then.
   */
  reindex(keys: Iterable<string> | AsyncIterable<string>): Promise<number>;
  /** Figures of each lane, as they were a moment ago. */
  getSnapshot(): FleetSnapshot;
  /** Listens; returns a function that stops that. */
  on<Type extends keyof FleetEvents>(type: Type, listener: (event: FleetEvents[Type]) => void): () => void;
}

const DEFAULT_LIMIT = 100;
const STOP_MS = 15_000;
const OPTIONS = ['open', 'due', 'lock', 'queue', 'laneOf', 'lanes', 'atHand', 'clock', 'random'];

/**
 * Keeps the sessions of very many customers fresh, each exactly once, across processes and crashes.
 *
 * Within each provider's limits (lanes), on shared storage: `indexed(redisStorage(client), due)` with
 * `redisDueIndex(client)`, say. Does nothing before it is used. Throws an `OptionsError`.
 */
export function createFleet(options: FleetOptions): Fleet {
  check(options);
  const { due, lock, open, clock = systemClock(), random = Math.random } = options;
  const laneOf = (key: string) => options.laneOf?.(key) || 'default';
  const ruleOf = laneRules(options.lanes);
  const emitter = createFleetEmitter();
  const board = createLaneBoard(due, clock, random, emitter);
  const figures = createLaneFigures(clock.now);
  const queue = options.queue ?? inProcessQueue();
  const pending = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>) => {
    pending.add(work);
    void work.finally(() => pending.delete(work));
  };
  const restore = (key: string): Promise<number> => reindex(world, [key], laneOf, ruleOf);
  const world = { open, due, board, emitter, clock, restore, track };
  emitter.on('refreshed', ({ lane }) => figures.refreshed(lane));
  const uses = createUseNotes(due, clock, emitter, (key, snapshot) =>
    comeBack(world, key, snapshot, ruleOf(laneOf(key))),
  );
  const openHere = (key: string) => openSession(world, key, laneOf(key), false);
  const atHand = createAtHand(openHere, options.atHand ?? 1_000, clock, uses.note);
  const lanes = ['default', ...Object.keys(options.lanes ?? {})];
  const runner = createRunner({ ...world, queue, lock, figures, ruleOf, isQueueOwn: !options.queue }, lanes);

  const finish = async () => {
    await runner.stop();
    await Promise.all([uses.flush(), ...pending]);
  };
  const stop = onceBounded(clock, STOP_MS, finish, atHand.dispose);

  return {
    async run({ feed = true, work = true, signal } = {}) {
      if (signal?.aborted) return stop();
      const abort = () => void stop();
      signal?.addEventListener('abort', abort);
      await runner.run({ feed, work });
      signal?.removeEventListener('abort', abort);
      await stop();
    },
    stop,
    session: (key) => atHand.session(key),
    refresh: (key) => atHand.session(key).refresh(),
    ended: async ({ limit = DEFAULT_LIMIT } = {}) => due.ended(limit),
    async acknowledge(keys) {
      if (!Array.isArray(keys)) throw wrongOption('keys of acknowledge()', 'an array', typeof keys);
      for (const some of inPortions(keys)) await due.acknowledge(some);
    },
    attention: async ({ limit = DEFAULT_LIMIT } = {}) => due.attention(limit),
    resume: (lane) => board.set(lane, { until: clock.now(), reason: 'resumed', count: 0, isForced: true }),
    reindex: (keys) => reindex(world, keys, laneOf, ruleOf),
    getSnapshot: () => figures.snapshot(runner.isRunning(), (lane) => board.pauseOf(lane)),
    on: (type, listener) => emitter.on(type, listener),
  };
}

function check(options: FleetOptions): void {
  for (const name of Object.keys(Object(options))) {
    if (!OPTIONS.includes(name)) throw wrong(name, `one of ${OPTIONS.join(', ')}`, 'an unknown option');
  }
  const { open, due, lock, queue, laneOf, clock, random, atHand = 1 } = Object(options) as FleetOptions;
  if (typeof open !== 'function') throw wrong('open', 'a function (key, guard) => TokenManager', typeof open);
  if (typeof due?.claim !== 'function') throw wrong('due', 'a due index, redisDueIndex(client) say', typeof due);
  if (typeof lock?.run !== 'function') throw wrong('lock', 'a lock, platform.lock say', typeof lock);
  if (queue !== undefined && typeof queue?.process !== 'function') throw wrong('queue', 'a queue', typeof queue);
  if (clock !== undefined && typeof clock?.after !== 'function') throw wrong('clock', 'a clock', typeof clock);
  for (const [name, given] of Object.entries({ laneOf, random })) {
    if (given !== undefined && typeof given !== 'function') throw wrong(name, 'a function', typeof given);
  }
  if (!(Number.isInteger(atHand) && atHand > 0)) throw wrong('atHand', 'a whole number above 0', String(atHand));
}

function wrong(option: string, expected: string, came: string): OptionsError {
  return wrongOption(`${option} of createFleet()`, expected, came);
}
