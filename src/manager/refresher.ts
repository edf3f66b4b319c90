import { backoffDelay } from '../core/backoff.js';
import type { Challenge } from '../core/challenge.js';
import { isUsable } from '../core/freshness.js';
import { failingOf, recordOf } from '../core/session.js';
import type { RefreshReason } from '../core/session-events.js';
import { isSameSession, isSameTokenSet, type SessionRecord, supersedes } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import type { AnyTokenError } from '../errors.js';
import { type Attempt, attemptRefresh, unreadable, type Verdict } from './attempt.js';
import { type Engine, isStarting, mayAsk } from './engine.js';
import { readStored, withSlot } from './persistence.js';
import { createRun, type Run } from './run.js';
import { dispatch } from './session-store.js';
import { isPast } from './stored-session.js';

/** A caller is not kept waiting for an attempt that is further away. */
const MAX_WAIT_MS = 5_000;

/** Starts a refresh unless one is under way. Its outcome goes to the session and to those who wait. */
export function startRefresh(engine: Engine, reason: RefreshReason, challenge?: Challenge): void {
  // while a session is being started, whoever waits will be told when it lives
  if (engine.run || isStarting(engine) || engine.state.status === 'none') return;
  const run = createRun();
  engine.run = run;
  void refresh(engine, run, reason, challenge).then(() => {
    if (engine.run === run) engine.run = undefined;
    // after a failure the alarm does, lest a storage that fails is asked over and over
    if (engine.settings.platform.clock.now() >= engine.quietUntil) startForLate(engine);
  });
}

/** Whether tokens came when nobody waited for them any more, and still follow from what we hold. */
export function hasLate({ late, state }: Engine): boolean {
  return late !== undefined && isSameTokenSet(late.base, recordOf(state));
}

/** Stores tokens that came late. */
export function startForLate(engine: Engine): void {
  if (hasLate(engine)) startRefresh(engine, 'due');
}

/**
 * Lets go of the refresh under way, its lock and its outcome: the session is being ended or replaced.
 *
 * Resolves with the tokens that the exchange brings all the same, if it does.
 */
export async function detachRefresh(engine: Engine): Promise<TokenSet | undefined> {
  const { run } = engine;
  engine.run = undefined;
  engine.late = undefined;
  if (!run) return undefined;
  run.isOver = true;
  run.detach(undefined);
  run.wake();
  dispatch(engine, { type: 'abandoned' });
  await run.detached; // it may be the refresh function itself that ends the session
  return (await run.inFlight)?.tokens;
}

// One refresh: retried with delays in which nobody holds the lock.
async function refresh(engine: Engine, run: Run, first: RefreshReason, challenge?: Challenge): Promise<void> {
  const { retry, platform } = engine.settings;
  const { clock, wakeups } = platform;
  const startedAt = clock.now();
  // an open circuit breaker lets one probe through; offline, which may be wrong, there is one attempt too
  const isProbe = failingOf(engine.state) !== undefined;
  const attempts = isProbe || !wakeups.isOnline() ? 1 : retry.attempts;
  let reason = first;
  for (let attempt = 1; ; attempt++) {
    const base = recordOf(engine.state);
    const about: Attempt = { base, reason, attempt, challenge };
    dispatch(engine, { type: 'attempted', reason, attempt });
    const verdict = await decide(engine, run, about);
    if (run.isOver) return;
    if (verdict.is === 'unstored') {
      if (isSpared(engine, base)) return;
      continue;
    }
    const isFailed = verdict.is === 'failed';
    const waitMs = isFailed ? verdict.retryAt - clock.now() : 0;
    const again = isFailed && verdict.isPassing && attempt < attempts && waitMs <= MAX_WAIT_MS && !engine.isDisposed;
    // what the storage held instead of a cookie: seen here, or by a look meanwhile
    const isFound = verdict.is === 'refreshed' ? !verdict.isAllThereIs : !base;
    const found = isFound ? ('record' in verdict ? verdict.record : recordOf(engine.state)) : undefined;
    const isExpired = found && !isUsable(found.tokens, clock.now());
    // what a peer was told about the next attempt holds here too
    const { failure } = found ?? {};
    const isStale = isExpired && (mayAsk(engine, failure) || (reason === 'asked' && !failure?.named));
    // over before anybody hears of it: who asks for a refresh then, asks for another one
    if (!again && !isStale) engine.run = undefined;
    tell(engine, verdict, about, clock.now() - startedAt, again);
    if (isStale) {
      reason = 'expired'; // found in the storage, or stored too slowly, but of no use as it is
    } else if (again) {
      await pause(engine, run, waitMs);
      if (run.isOver || engine.isDisposed || isSpared(engine, base)) return;
    } else {
      const failing = failingOf(engine.state);
      if (isExpired && failing) engine.room?.refuse(failing.error);
      return;
    }
  }
}

/** Whether a peer has refreshed since an attempt began, and we have taken its tokens already: those who wait get them. */
function isSpared(engine: Engine, base: SessionRecord | undefined): boolean {
  const held = recordOf(engine.state);
  if (!held || !isSameSession(held, base) || !supersedes(held, base)) return false;
  if (!isUsable(held.tokens, engine.settings.platform.clock.now())) return false;
  engine.run = undefined;
  engine.failures = 0;
  engine.room?.settle(held);
  return true;
}

function decide(engine: Engine, run: Run, about: Attempt): Promise<Verdict> {
  const { clock } = engine.settings.platform;
  return withSlot(engine, (slot) => attemptRefresh(engine, slot, about, run)).catch(
    async (error: AnyTokenError): Promise<Verdict> => {
      // the holder may have refreshed all the same
      const found = error.code === 'ERR_LOCK_TIMEOUT' ? await readStored(engine).catch(() => undefined) : undefined;
      const { record } = found ?? {};
      const { base } = about;
      // what our session has replaced may still be stored: it is no news
      if (record && !(base && isPast(engine, record, base))) {
        if (!isSameSession(record, base)) return { is: 'elsewhere', record };
        if (supersedes(record, base) && isUsable(record.tokens, clock.now())) {
          return { is: 'refreshed', by: 'peer', record };
        }
      }
      return unreadable(error, clock.now());
    },
  );
}

/** Changes the state, then settles those who wait. */
function tell(
  engine: Engine,
  verdict: Verdict,
  { base, reason, attempt }: Attempt,
  durationMs: number,
  again: boolean,
): void {
  const { retry, platform } = engine.settings;
  const now = platform.clock.now();
  if (verdict.is === 'failed') {
    const { error, retryAt, named, record, isOwn } = verdict;
    if (isOwn) engine.failures++;
    engine.quietUntil = now + backoffDelay(Math.max(1, engine.failures), retry, platform.random());
    const own = isOwn ? { reason, attempt, durationMs } : undefined;
    dispatch(engine, { type: 'failed', base, record, failing: { error, retryAt, named }, again, own });
    const held = recordOf(engine.state);
    // a peer was faster, and told us so meanwhile
    const isNews = held && base && supersedes(held, record ?? base) && isUsable(held.tokens, now);
    if (isNews) engine.room?.settle(held);
    else if (!again) engine.room?.refuse(error);
    return;
  }
  engine.failures = 0;
  engine.quietUntil = now + retry.minDelayMs;
  if (verdict.is === 'refreshed') {
    const { record, by } = verdict;
    if (base) dispatch(engine, { type: 'refreshed', base, record, by, reason, attempts: attempt, durationMs });
    else dispatch(engine, { type: 'started', record, from: 'cookie' });
    settle(engine, record, verdict.isAllThereIs, now);
  } else if (verdict.is === 'elsewhere') {
    dispatch(engine, { type: 'found', record: verdict.record, isSeen: true });
  } else if (verdict.is === 'ended') {
    dispatch(engine, { type: 'ended', reason: verdict.reason, error: base && verdict.error });
  } else {
    dispatch(engine, { type: 'abandoned' });
  }
}

function settle({ state, room }: Engine, record: SessionRecord, isForced: boolean | undefined, now: number): void {
  const held = recordOf(state);
  if (isForced || isUsable(record.tokens, now)) room?.settle(held && isUsable(held.tokens, now) ? held : record);
}

function pause({ settings }: Engine, run: Run, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = settings.platform.clock.after(Math.max(0, delayMs), resolve);
    run.wake = () => {
      cancel();
      resolve();
    };
  });
}
