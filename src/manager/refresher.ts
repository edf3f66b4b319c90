import { backoffDelay, mayRetry } from '../core/backoff.js';
import type { Challenge } from '../core/challenge.js';
import { isUsable } from '../core/freshness.js';
import { recordOf } from '../core/session.js';
import type { RefreshReason } from '../core/session-events.js';
import { isSameSession, isSameTokenSet, type SessionRecord, supersedes } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import type { AnyTokenError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { Answer } from './answer.js';
import { type Attempt, type AttemptContext, attemptRefresh, unreadable, type Verdict } from './attempt.js';
import type { Exchange } from './exchange.js';
import type { Settings } from './options.js';
import type { Persistence } from './persistence.js';
import type { SessionStore } from './session-store.js';
import type { WaitingRoom } from './waiting-room.js';

/** Refreshes: one at a time, retried with delays in which nobody holds the lock. */
export interface Refresher {
  /** Starts a refresh unless one is under way. Its outcome goes to the store and to the waiting room. */
  start(reason: RefreshReason, challenge?: Challenge): void;
  /**
   * Lets go of the refresh under way, its lock and its outcome: the session is being ended or replaced.
   *
   * Resolves with the tokens that the exchange brings all the same, if it does.
   */
  detach(): Promise<TokenSet | undefined>;
  /** Ends the delay between two attempts; the manager was disposed of. */
  wake(): void;
  readonly isRunning: boolean;
  /** Epoch milliseconds; no refresh of our own accord before this moment. */
  readonly quietUntil: number;
}

/** What the refresher works on. */
export interface RefresherContext {
  readonly settings: Settings;
  readonly store: SessionStore;
  readonly persistence: Persistence;
  readonly exchange: Exchange;
  readonly room: WaitingRoom<SessionRecord>;
  isDisposed(): boolean;
  /** A session is being started: whoever waits will be told when it lives. */
  isPaused(): boolean;
  repair(endedId?: string): void;
  newId(): string;
}

/** One refresh, with all its attempts. */
interface Run {
  isOver: boolean;
  readonly detached: Promise<undefined>;
  detach(value: undefined): void;
  wake(): void;
  inFlight: Promise<Answer> | undefined;
}

/** What a refresher remembers from one refresh to the next. */
interface Memory {
  start(reason: RefreshReason): void;
  run: Run | undefined;
  late: { readonly base: SessionRecord | undefined; readonly tokens: TokenSet } | undefined;
  failures: number;
  quietUntil: number;
}

/** A caller is not kept waiting for an attempt that is further away. */
const MAX_WAIT_MS = 5_000;

export function createRefresher(context: RefresherContext): Refresher {
  const memory: Memory = { start, run: undefined, late: undefined, failures: 0, quietUntil: 0 };

  function start(reason: RefreshReason, challenge?: Challenge): void {
    if (memory.run || context.isPaused() || context.store.state.status === 'none') return;
    const run = createRun();
    memory.run = run;
    void refresh(run, reason, challenge, memory, context).then(() => {
      if (memory.run === run) memory.run = undefined;
      const { late } = memory;
      if (late && isSameTokenSet(late.base, recordOf(context.store.state))) start('due');
    });
  }

  return {
    start,
    detach: async () => {
      const { run } = memory;
      memory.run = undefined;
      memory.late = undefined;
      if (!run) return undefined;
      run.isOver = true;
      run.detach(undefined);
      run.wake();
      context.store.dispatch({ type: 'abandoned' });
      await run.detached; // it may be the refresh function itself that ends the session
      return (await run.inFlight)?.tokens;
    },
    wake: () => memory.run?.wake(),
    get isRunning() {
      return memory.run !== undefined;
    },
    get quietUntil() {
      return memory.quietUntil;
    },
  };
}

async function refresh(
  run: Run,
  first: RefreshReason,
  challenge: Challenge | undefined,
  memory: Memory,
  context: RefresherContext,
): Promise<void> {
  const { store, settings } = context;
  const { clock, wakeups } = settings.platform;
  const startedAt = clock.now();
  // an open circuit breaker lets one probe through; offline, which may be wrong, there is one attempt too
  const isProbe = 'failing' in store.state && store.state.failing;
  const attempts = isProbe || !wakeups.isOnline() ? 1 : settings.retry.attempts;
  let reason = first;
  for (let attempt = 1; ; attempt++) {
    const base = recordOf(store.state);
    store.dispatch({ type: 'attempted', reason, attempt });
    const verdict = await decide({ base, reason, attempt, challenge, failures: memory.failures }, run, memory, context);
    if (run.isOver) return;
    if (verdict.is === 'unstored') continue;
    const isFailed = verdict.is === 'failed';
    const waitMs = isFailed ? verdict.retryAt - clock.now() : 0;
    const again = isFailed && verdict.isPassing && attempt < attempts && waitMs <= MAX_WAIT_MS && !context.isDisposed();
    const isFound = verdict.is === 'elsewhere' ? !base : verdict.is === 'refreshed' && verdict.by === 'peer';
    const found = isFound && 'record' in verdict ? verdict.record : undefined;
    const isExpired = found && !isUsable(found.tokens, clock.now());
    // what a peer was told about the next attempt holds here too
    const isStale = isExpired && mayAsk(found, reason, context);
    // over before anybody hears of it: who asks for a refresh then, asks for another one
    if (!again && !isStale) memory.run = undefined;
    tell(verdict, { base, reason, attempt, durationMs: clock.now() - startedAt, again }, memory, context);
    if (isStale) {
      reason = 'expired'; // found in the storage, but of no use as it is
    } else if (again) {
      await pause(run, waitMs, clock);
      if (run.isOver || context.isDisposed()) return;
    } else {
      if (isExpired && 'failing' in store.state && store.state.failing) context.room.refuse(store.state.failing.error);
      return;
    }
  }
}

function mayAsk({ failure }: SessionRecord, reason: RefreshReason, { settings }: RefresherContext): boolean {
  if (!failure || mayRetry(failure, settings.platform.clock.now(), settings.retry)) return true;
  return reason === 'asked' && !failure.named;
}

function decide(about: Attempt, run: Run, memory: Memory, context: RefresherContext): Promise<Verdict> {
  const { settings, persistence, exchange, store, isDisposed, repair, newId } = context;
  const { clock } = settings.platform;
  const under: AttemptContext = {
    settings,
    exchange: {
      ...exchange,
      ask: (...request) => {
        run.inFlight = exchange.ask(...request);
        return run.inFlight;
      },
    },
    isMoved: (base) => run.isOver || !isSameSession(recordOf(store.state), base),
    isDisposed,
    detached: run.detached,
    hasSeen: persistence.hasSeen,
    takeLate: (current) => {
      const { late } = memory;
      if (!late || !isSameTokenSet(late.base, current)) return undefined;
      memory.late = undefined;
      return late.tokens;
    },
    keepLate: (base, tokens) => {
      memory.late = { base, tokens };
      if (!memory.run && isSameTokenSet(base, recordOf(store.state))) memory.start('due');
    },
    repair,
    newId,
  };
  return persistence
    .withSlot((slot) => attemptRefresh(slot, about, under))
    .catch(async (error: AnyTokenError): Promise<Verdict> => {
      // the holder may have refreshed all the same
      const found = error.code === 'ERR_LOCK_TIMEOUT' ? await persistence.read().catch(() => undefined) : undefined;
      const { record } = found ?? {};
      if (record && !isSameSession(record, about.base)) return { is: 'elsewhere', record };
      if (record && supersedes(record, about.base) && isUsable(record.tokens, clock.now())) {
        return { is: 'refreshed', by: 'peer', record };
      }
      return unreadable(error, clock.now());
    });
}

/** Changes the state, then settles those who wait. */
function tell(
  verdict: Verdict,
  { base, reason, attempt, durationMs, again }: Outcome,
  memory: Memory,
  { store, room, settings }: RefresherContext,
): void {
  const now = settings.platform.clock.now();
  if (verdict.is === 'failed') {
    const { error, retryAt, named, record, isOwn } = verdict;
    if (isOwn) memory.failures++;
    memory.quietUntil = now + backoffDelay(Math.max(1, memory.failures), settings.retry, settings.platform.random());
    const own = isOwn ? { reason, attempt, durationMs } : undefined;
    store.dispatch({ type: 'failed', base, record, failing: { error, retryAt, named }, again, own });
    const held = recordOf(store.state);
    // a peer was faster, and told us so meanwhile
    const isNews = held && base && supersedes(held, record ?? base) && isUsable(held.tokens, now);
    if (isNews) room.settle(held);
    else if (!again) room.refuse(error);
    return;
  }
  memory.failures = 0;
  memory.quietUntil = now + settings.retry.minDelayMs;
  if (verdict.is === 'refreshed') {
    const { record, by } = verdict;
    if (base) store.dispatch({ type: 'refreshed', base, record, by, reason, attempts: attempt, durationMs });
    else store.dispatch({ type: 'started', record, from: 'cookie' });
    const held = recordOf(store.state);
    if (by === 'us' || isUsable(record.tokens, now)) room.settle(held && isUsable(held.tokens, now) ? held : record);
  } else if (verdict.is === 'elsewhere') {
    store.dispatch({ type: 'found', record: verdict.record, isSeen: true });
  } else if (verdict.is === 'ended') {
    const { error } = verdict;
    store.dispatch({ type: 'ended', reason: verdict.reason, error: base && error });
  } else {
    store.dispatch({ type: 'abandoned' });
  }
}

/** The circumstances of one verdict. */
interface Outcome {
  readonly base: SessionRecord | undefined;
  readonly reason: RefreshReason;
  readonly attempt: number;
  readonly durationMs: number;
  readonly again: boolean;
}

function createRun(): Run {
  let detach: Run['detach'] = () => undefined;
  const detached = new Promise<undefined>((resolve) => {
    detach = resolve;
  });
  return { isOver: false, detached, detach, wake: () => undefined, inFlight: undefined };
}

function pause(run: Run, delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(Math.max(0, delayMs), resolve);
    run.wake = () => {
      cancel();
      resolve();
    };
  });
}
