import type { RetryPolicy } from '../../core/backoff.js';
import type { LaneOutcome } from '../../core/lane.js';
import type { RefreshFailure } from '../../core/refusal.js';
import type { TokenManager } from '../../manager/token-manager.js';
import type { Clock } from '../../ports/clock.js';
import type { DueIndex } from '../../ports/due-index.js';
import { pause } from './fleet-clock.js';
import type { FleetEmitter } from './fleet-events.js';
import type { LaneBoard } from './lane-board.js';

/** Options of a manager that the fleet decides: `createTokenManager({ key, refresh, platform, ...guard })`. */
export interface SessionGuard {
  /**
   * Ends a session whose refresh token is dead, unless so many die that the provider itself must be ill.
   *
   * For answers of your own that mean death: `failure => guard.endsSession(isDeadHere(failure) ? { ...failure, kind: 'dead' } : failure)`.
   */
  readonly endsSession: (failure: RefreshFailure) => boolean;
  /** The fleet refreshes ahead of expiry, and no manager by itself. */
  readonly proactive: false;
  /** For a worker: one request, as the fleet comes back to what fails. */
  readonly retry?: Partial<RetryPolicy>;
}

/** What opening a session needs of its fleet. */
export interface SessionWorld {
  readonly open: (key: string, guard: SessionGuard) => TokenManager;
  readonly due: DueIndex;
  readonly board: LaneBoard;
  readonly emitter: FleetEmitter;
  readonly clock: Clock;
  /** Makes the entry of a session anew from its record, if it has one. */
  readonly restore: (key: string) => Promise<unknown>;
  /** Is waited for before the fleet has stopped. */
  readonly track: (work: Promise<unknown>) => void;
}

/** Together less than `stop()` waits. */
const LISTINGS = 10;
const LISTING_MS = 1_000;
const ENDED_BY_PROVIDER = ['rejected', 'lost', 'expired'];

/** Opens the manager of a session, and watches what its refreshes say about the lane. */
export function openSession(world: SessionWorld, key: string, lane: string, isWorker: boolean): TokenManager {
  const { board, emitter, due, clock } = world;
  let failure: RefreshFailure | undefined;
  const guard: SessionGuard = {
    endsSession: (seen) => {
      failure = seen;
      return seen.kind === 'dead' && board.mayEnd(lane);
    },
    proactive: false,
    ...(isWorker && { retry: { attempts: 1 } }),
  };
  const tokens = world.open(key, guard);
  const fact = () => ({ key, lane, at: clock.now() });
  tokens.on('refreshStarted', () => {
    failure = undefined;
  });
  tokens.on('refreshed', ({ by, durationMs, expiresAt }) => {
    if (by !== 'us') return;
    board.report(lane, { kind: 'refreshed' });
    emitter.emit('refreshed', { ...fact(), durationMs, expiresAt });
  });
  tokens.on('refreshFailed', ({ error }) => {
    const { code, status } = error as { code: string; status?: number };
    board.report(lane, outcomeOf(code, failure));
    emitter.emit('refreshFailed', { ...fact(), code, status });
  });
  tokens.on('sessionEnded', ({ reason }) => {
    const isListed = ENDED_BY_PROVIDER.includes(reason);
    // What was lost with a process of ours says nothing about the provider.
    if (reason === 'rejected' || reason === 'lost') {
      board.report(lane, { kind: reason === 'rejected' ? 'dead' : 'other' });
    }
    emitter.emit('sessionEnded', { ...fact(), reason });
    // What the storage has listed by itself, as a refresh was under way, gets its reason, or, after a sign-out here, is
    // taken off again. An end elsewhere is listed there.
    if (!isListed && reason !== 'ended') return;
    const { at } = fact();
    world.track(
      isListed
        ? persist(world, key, async () => due.remove(key, { reason, at })).then(() => keepWhoIsBack(world, key))
        : persist(world, key, async () => due.acknowledge([key])),
    );
  });
  return tokens;
}

/** Writes what nobody else would write later, also where the index cannot be reached for some seconds. */
async function persist(world: SessionWorld, key: string, write: () => Promise<unknown>): Promise<void> {
  const { emitter, clock } = world;
  for (let attempt = 1; attempt <= LISTINGS; attempt++) {
    try {
      // Who has connected again meanwhile must keep the new entry, and need not be asked to.
      const isOutdated = attempt > 1 && (await isActive(world, key));
      if (!isOutdated) await write();
      return;
    } catch (error) {
      emitter.emit('indexFailed', { at: clock.now(), operation: 'remove', error });
      if (attempt < LISTINGS) await pause(clock, LISTING_MS);
    }
  }
}

/** Who connected again while the end was being listed has lost the new entry with the old one. */
async function keepWhoIsBack(world: SessionWorld, key: string): Promise<void> {
  const { due, clock, emitter } = world;
  await pause(clock, LISTING_MS); // the entry is written before the record
  try {
    if (!(await isActive(world, key))) return;
    await world.restore(key);
    await due.acknowledge([key]);
  } catch (error) {
    emitter.emit('indexFailed', { at: clock.now(), operation: 'put', error });
  }
}

async function isActive({ open }: SessionWorld, key: string): Promise<boolean> {
  const tokens = open(key, { endsSession: () => false, proactive: false });
  try {
    return (await tokens.ready()).status === 'active';
  } finally {
    tokens.dispose();
  }
}

function outcomeOf(code: string, failure: RefreshFailure | undefined): LaneOutcome {
  const { kind, status, retryAt } = failure ?? {};
  if (kind === 'dead') return { kind };
  if (code === 'ERR_REFRESH_CONFIG') return { kind: 'config', retryAt };
  const isSilent = code === 'ERR_REFRESH_NETWORK' || code === 'ERR_REFRESH_TIMEOUT' || code === 'ERR_REFRESH_RESPONSE';
  const isBusy =
    code === 'ERR_REFRESH_UNAVAILABLE' && (kind === 'transient' || (status !== undefined && status >= 500));
  return { kind: isSilent || isBusy ? 'unavailable' : 'other', retryAt };
}
