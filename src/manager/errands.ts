import type { TokenEvent } from '../core/session-events.js';
import { isSameSession, type SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import type { AttemptParts } from './attempt.js';
import { type AttemptOutcome, unavailable } from './attempt-outcome.js';
import { attemptUnderLock } from './attempt-under-lock.js';
import type { Errand, ErrandDesk } from './errand.js';
import { lockLost, longestMs } from './hold-lock.js';
import { type LiveParts, pastSession, requireSession, whenKnown } from './live-session.js';
import type { Settings } from './options.js';
import type { PendingWork } from './pending-work.js';
import { RefreshRun } from './refresh-run.js';
import type { TokenMarks } from './token-marks.js';

/** The parts that errands need. */
export interface ErrandParts extends AttemptParts, LiveParts {
  readonly work: PendingWork;
  readonly marks: TokenMarks;
  emit(event: TokenEvent): void;
  /** Tells the server that tokens are of no use to anybody. */
  revoke(tokens: TokenSet, of: SessionRecord | undefined): Promise<void>;
  /** Waits for work that goes on by itself. */
  track(work: Promise<void>, signal?: AbortSignal): Promise<void>;
  /** Tells watchers of a caller who is not served at once. */
  waited<T>(outcome: Promise<T>): Promise<T>;
}

/**
 * Errands: refreshes for other access tokens than the session's own, for `forResource`.
 *
 * Each takes its turn at the lock, like any refresh: a refresh token is never presented by two at once.
 */
export class Errands implements ErrandDesk {
  readonly #parts: ErrandParts;
  #runs: readonly RefreshRun[] = [];
  /** The errand that began last, and when: one after the other, or those behind would wait too long for the lock. */
  #turn: Promise<AttemptOutcome> = Promise.resolve({ kind: 'superseded' });
  #begunAt = 0;
  #isDisposed = false;

  constructor(parts: ErrandParts) {
    this.#parts = parts;
  }

  get settings(): Settings {
    return this.#parts.settings;
  }

  async session(signal: AbortSignal | undefined, rejected?: string): Promise<SessionRecord> {
    await whenKnown(this.#parts, signal);
    if (rejected !== undefined && this.#parts.marks.isPast(rejected)) throw pastSession();
    return requireSession(this.#parts)?.record ?? this.#parts.callers.wait(signal);
  }

  async wait<T>(errand: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    await this.#parts.waited(this.#parts.track(errand as Promise<void>, signal));
    return errand;
  }

  run(errand: Errand, base: SessionRecord): Promise<AttemptOutcome> {
    const { settings, work } = this.#parts;
    const now = settings.platform.clock.now();
    const isDead = now - this.#begunAt > longestMs(settings);
    if (isDead) this.#begunAt = now;
    const before = isDead ? Promise.resolve() : this.#turn;
    this.#turn = work.track(before.then(() => this.#run(errand, base)));
    return this.#turn;
  }

  /** Lets go of the errands under way; resolves with the tokens that one of them brings all the same. */
  async detach(): Promise<TokenSet | undefined> {
    const runs = this.#runs;
    this.#runs = [];
    return (await Promise.all(runs.map((run) => run.detach()))).find(Boolean);
  }

  /** From now on nothing is asked any more; what was asked is still stored. */
  dispose(): void {
    this.#isDisposed = true;
    for (const run of this.#runs) run.stop();
  }

  async #run(errand: Errand, asked: SessionRecord): Promise<AttemptOutcome> {
    const { session, settings, pending, marks } = this.#parts;
    // What a sign-in stores is published by itself.
    if (pending.isStarting) await pending.callers.wait(undefined).catch(() => undefined);
    // The errand before this one may have been told to wait, and not been able to store that.
    const held = session.record;
    const base = held && isSameSession(held, asked) ? held : asked;
    const { name: target, reason, attempt, challenge } = errand;
    const { clock } = settings.platform;
    const startedAt = clock.now();
    this.#begunAt = startedAt;
    const { sessionId } = base;
    const run = new RefreshRun(this.#isDisposed);
    this.#runs = this.#runs.concat(run);
    this.#parts.emit({ type: 'refreshStarted', payload: { reason, attempt, target }, sessionId });
    const request = { base, reason, attempt, challenge, errand, isSignIn: false, failures: 0 };
    const came = await attemptUnderLock(this.#parts, run, request);
    // The tokens are kept, and stored by the next attempt.
    const outcome = came.kind === 'lock-lost' ? unavailable(lockLost(), clock.now()) : came;
    this.#runs = this.#runs.filter((other) => other !== run);
    const durationMs = clock.now() - startedAt;
    const own = { reason, attempt, durationMs };
    if (run.isDetached) return { kind: 'superseded' };
    if (outcome.kind === 'refreshed') {
      const { record, by } = outcome;
      // It is served also where a peer's record of the same revision stays.
      marks.add(record.others?.[target]?.accessToken, true, record.grant?.binding);
      session.dispatch({ type: 'refreshed', base, record, by, reason, attempts: attempt, durationMs, isErrand: true });
      const rotated = record.tokens.refreshToken !== base.tokens.refreshToken;
      const { expiresAt } = record.others?.[target] ?? {};
      const payload = { by, reason, attempts: attempt, durationMs, rotated, expiresAt, target };
      this.#parts.emit({ type: 'refreshed', payload, sessionId });
    } else if (outcome.kind === 'failed') {
      const { record, error, retryAt, isOwn } = outcome;
      const facts = { by: isOwn ? ('us' as const) : ('peer' as const), reason, attempts: attempt, durationMs };
      if (record) session.dispatch({ type: 'refreshed', base, record, ...facts, isErrand: true });
      this.#parts.emit({ type: 'refreshFailed', payload: { ...own, error, retryAt, again: false, target }, sessionId });
    } else if (outcome.kind === 'replaced') {
      session.dispatch({ type: 'found', record: outcome.record, wasStored: true });
    } else if (outcome.kind === 'ended') {
      session.dispatch({ type: 'ended', reason: outcome.reason, error: outcome.error, own });
      if (outcome.unused) void this.#parts.revoke(outcome.unused, base);
    }
    return outcome;
  }
}
