import { isHot } from '../../core/due.js';
import { allowance, probing } from '../../core/lane.js';
import type { Clock } from '../../ports/clock.js';
import type { ClaimedEntry, DueIndex, LaneCounts } from '../../ports/due-index.js';
import type { JobQueue } from '../../ports/job-queue.js';
import type { Lease, Lock } from '../../ports/lock.js';
import { pause } from './fleet-clock.js';
import type { FleetEmitter } from './fleet-events.js';
import type { LaneBoard } from './lane-board.js';
import type { LaneRule } from './lane-options.js';

/** What feeding a lane needs. */
export interface FeederWorld {
  readonly due: DueIndex;
  readonly queue: JobQueue;
  readonly lock: Lock;
  readonly clock: Clock;
  readonly board: LaneBoard;
  readonly emitter: FleetEmitter;
  /** The newest figures of a lane. */
  readonly note: (counts: LaneCounts) => void;
  /** A session was handed to the queue. */
  readonly fed: (entry: ClaimedEntry) => void;
}

/** One process feeds a lane for so long, then another one may; that is also how long one that died keeps the lane. */
const TURN_MS = 2_000;
const TICK_MS = 100;
/** Where nothing is due, it is looked less often. */
const IDLE_MS = 500;
const PROBE_MS = 15_000;
const TROUBLE_MS = 1_000;

/** Feeds a lane until the signal aborts: claims what is due, no faster than the lane's rate, and hands it to the queue. */
export async function feed(world: FeederWorld, lane: string, rule: LaneRule, signal: AbortSignal): Promise<void> {
  const { lock, clock, emitter } = world;
  let earned = 0;
  while (!signal.aborted) {
    try {
      const task = (lease: Lease) => turn(world, lane, rule, [signal, lease.signal], earned);
      // Less than one refresh is kept for the next turn: a slow lane earns none in a single one.
      earned = Math.min(1, await lock.run(`evertoken:fleet:${lane}`, signal, task, { holdMs: 2 * TURN_MS }));
      await pause(clock, 1, signal); // others may be waiting for the lock
    } catch (error) {
      if (signal.aborted) return;
      emitter.emit('indexFailed', { at: clock.now(), operation: 'feed', error });
      await pause(clock, TROUBLE_MS, signal);
    }
  }
}

async function turn(
  world: FeederWorld,
  lane: string,
  rule: LaneRule,
  signals: readonly [AbortSignal, AbortSignal],
  kept: number,
): Promise<number> {
  const { clock } = world;
  let earned = kept;
  let last = clock.now();
  let waitedMs = 0;
  // Counted, as the clock may be set back meanwhile.
  for (let takenMs = 0; takenMs < TURN_MS && !signals.some(({ aborted }) => aborted); takenMs += waitedMs) {
    const now = clock.now();
    const left = await tick(world, lane, rule, earned, within(now - last, 0, 2 * TICK_MS));
    earned = left ?? 0;
    last = now;
    const pauseMs = left === undefined ? IDLE_MS : TICK_MS;
    await pause(clock, pauseMs, signals[0]);
    waitedMs = within(clock.now() - now, pauseMs, TURN_MS);
  }
  return earned;
}

function within(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}

/** Hands out what the rate allows; returns what is left of it for the next tick, undefined where there was nothing to do. */
async function tick(
  world: FeederWorld,
  lane: string,
  rule: LaneRule,
  earned: number,
  elapsedMs: number,
): Promise<number | undefined> {
  const { due, queue, clock, board, note } = world;
  const [counts] = await board.look(lane);
  if (!counts) return undefined;
  note(counts);
  const now = clock.now();
  const allowed = allowance(board.pauseOf(lane), now, rule.perSecond);
  if (allowed === 'none' || counts.due === 0) return undefined;
  const rate = allowed === 'probe' ? 1 : allowed;
  const burst = Math.max(1, (rate * 2 * TICK_MS) / 1_000);
  // Beyond a burst, what one tick earns is kept: a slow lane would lose the rest of every refresh.
  const most = burst + (rate * TICK_MS) / 1_000;
  const budget = allowed === 'probe' ? 1 : Math.min(earned + (rate * elapsedMs) / 1_000, most);
  const room = Math.min(Math.floor(budget), Math.ceil(burst) - (await queue.waiting(lane)));
  if (room < 1) return budget;
  const { hotForMs, takeoverMs } = rule;
  const claimed = await due.claim(lane, {
    limit: room,
    forMs: takeoverMs,
    ...(hotForMs !== undefined && { hotForMs }),
  });
  const entries = await putOff(world, claimed, hotForMs);
  if (entries.length === 0) return budget;
  const paused = board.pauseOf(lane);
  if (allowed === 'probe' && paused) await board.set(lane, probing(paused, now, PROBE_MS));
  for (const entry of entries) world.fed(entry);
  await queue.add(
    lane,
    entries.map(({ key }) => key),
  );
  return budget - entries.length;
}

/** Sessions that nobody uses are put off to the moment at which they must be refreshed all the same. */
async function putOff(
  { due, clock }: FeederWorld,
  claimed: readonly ClaimedEntry[],
  hotForMs: number | undefined,
): Promise<readonly ClaimedEntry[]> {
  const now = clock.now();
  const isCold = (entry: ClaimedEntry) =>
    !entry.urgent && (entry.keepAliveAt ?? 0) > now && !isHot(entry, hotForMs, now);
  // Nothing fails while nothing is tried, so that it is not `stuck`.
  for (const { key, usedAt, stuck, ...entry } of claimed.filter(isCold)) {
    await due.put(key, { ...entry, at: entry.keepAliveAt ?? now });
    // A use that was noted since the claim found an entry that somebody was at, and left it alone.
    const found = await due.get(key);
    if (!found || found.at !== entry.keepAliveAt || !isHot(found, hotForMs, now)) continue;
    const { key: _, usedAt: __, ...same } = found;
    await due.put(key, { ...same, at: now });
  }
  return claimed.filter((entry) => !isCold(entry));
}
