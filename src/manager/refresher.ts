import { backoffDelay } from '../core/backoff.js';
import type { Challenge } from '../core/challenge.js';
import { isUsable } from '../core/freshness.js';
import { nextStep } from '../core/next-step.js';
import { type AttemptFacts, noSession } from '../core/session.js';
import type { RefreshReason } from '../core/session-events.js';
import {
  isNewAccess,
  isSameAccess,
  isSameSession,
  isSameTokenSet,
  type SessionRecord,
} from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import { type AttemptOutcome, foundBy, whatStands } from './attempt-outcome.js';
import type { AttemptRequest } from './attempt-request.js';
import { attemptUnderLock } from './attempt-under-lock.js';
import { isAlive, longestMs, STORAGE_LIMIT_MS } from './hold-lock.js';
import { isNothingToAsk } from './nothing-to-ask.js';
import { isPauseOver } from './pause.js';
import type { StartTurn } from './pending-commands.js';
import type { RefreshParts } from './refresh-parts.js';
import { RefreshRun } from './refresh-run.js';

/** Single-flight: at most one refresh, its attempts, and the publishing of their outcomes. */
export class Refresher {
  readonly #parts: RefreshParts;
  #run: RefreshRun | undefined;
  /** Failures in a row, for where there is no record to count them. */
  #failures = 0;
  #quietUntil = 0;
  #signingIn: Promise<void> | undefined;
  /** Where the run under way is a sign-in. */
  #turn: StartTurn | undefined;
  /** The attempt that began last. */
  #own: AttemptFacts | undefined;
  /** The last sign of life of the refresh under way. */
  #aliveAt = 0;
  /** Somebody has asked since the run began whom a usable token does not help. */
  #isNeeded = false;
  #isDisposed = false;

  constructor(parts: RefreshParts) {
    this.#parts = parts;
  }

  /** A refresh is under way, and not dead by the clock. */
  get isRunning(): boolean {
    const { settings } = this.#parts;
    return this.#run !== undefined && isAlive(settings, this.#aliveAt);
  }

  /** Epoch milliseconds; the cool-down after a refresh, until which none is started of our own accord. */
  get quietUntil(): number {
    return this.#quietUntil;
  }

  /** Starts a refresh unless one is under way. The outcome goes to the session and to the callers who wait. */
  start(reason: RefreshReason, challenge?: Challenge, isNeeded: boolean = reason !== 'due'): void {
    const { session, pending, callers } = this.#parts;
    this.#isNeeded ||= isNeeded;
    if (this.#run && !this.isRunning) this.#replaceDead(this.#run, reason, challenge);
    // While a session is being started, callers wait for that one.
    if (this.#run || pending.isStarting || session.state.status === 'none') return;
    const { record } = session;
    if (!isNothingToAsk(this.#parts, record?.tokens, reason)) {
      this.#isNeeded = isNeeded;
      void this.#start(reason, false, challenge);
    } else if (record) callers.resolve(record); // those who waited for one that was dead
  }

  /** Asks the endpoint whom the cookie belongs to, whatever session there is or was; throws what came instead. */
  signIn(reason: RefreshReason): Promise<void> {
    // One that was cut off is not joined, though another refresh may be under way by now.
    if (this.#signingIn && this.#turn && reason === 'asked' && this.isRunning) return this.#signingIn;
    const { pending, records } = this.#parts;
    const turn = pending.beginStart(records.newId()); // a name for the turn alone
    void this.detach();
    // A listener was told of that, and has signed in by itself.
    if (!turn.isLatest()) {
      turn.finish();
      return (this.#turn && this.#signingIn) || Promise.resolve();
    }
    this.#turn = turn;
    this.#isNeeded = true;
    const signingIn = this.#start(reason, true).then((outcome) => {
      if (this.#signingIn === signingIn) this.#signingIn = undefined;
      if (outcome?.kind === 'refreshed') return;
      const { state } = this.#parts.session;
      // What was read meanwhile was of no use. Where nothing is known yet, the next call looks, as a look asks the endpoint.
      if (!this.#isDisposed && state.status !== 'loading') this.#parts.foundNewer();
      throw outcome && 'error' in outcome ? outcome.error : noSession(state);
    });
    this.#signingIn = signingIn;
    return signingIn;
  }

  /** Resolves with what the last attempt came to; with undefined where the run was detached. */
  #start(reason: RefreshReason, isSignIn: boolean, challenge?: Challenge): Promise<AttemptOutcome | undefined> {
    const { settings, session, unstored, work } = this.#parts;
    const run = new RefreshRun(this.#isDisposed);
    this.#run = run;
    const outcome = work.track(this.#refresh(run, reason, isSignIn, challenge));
    void outcome.then(() => {
      this.#clear(run);
      // After a failure the alarm retries instead, so that a failing storage is not written in a loop.
      const isQuiet = settings.platform.clock.now() < this.#quietUntil;
      if (!isQuiet && unstored.follow(session.record)) this.start('due');
    });
    return outcome;
  }

  /**
   * Leaves a refresh that is dead by the clock to itself, and starts another one, when it has had the time of one more request.
   *
   * After a sleep, or when the clock was set forward, it lives: asking a second time would lose a rotated refresh token.
   */
  #replaceDead(run: RefreshRun, reason: RefreshReason, challenge: Challenge | undefined): void {
    const { settings } = this.#parts;
    const { clock } = settings.platform;
    const graceMs = settings.timeoutMs + STORAGE_LIMIT_MS;
    this.#aliveAt = clock.now() - longestMs(settings) + graceMs;
    clock.after(graceMs + 1, () => {
      if (this.#run !== run || this.isRunning) return;
      run.stop(); // what it was sent is stored all the same
      this.#clear(run);
      const { session, callers } = this.#parts;
      session.dispatch({ type: 'abandoned' });
      const { failing, record } = session;
      // A peer may have told of a pause since.
      const isHeld = failing && (failing.named || reason !== 'asked') && !isPauseOver(settings, failing);
      const isNeeded = this.#isNeeded || this.#parts.unstored.follow(record);
      const isAside = !isNeeded && settings.platform.background === false; // who asked was served since
      if (isHeld) callers.reject(failing.error);
      else if (isAside && record && isUsable(record.tokens, clock.now())) callers.resolve(record);
      else {
        this.start(reason, challenge);
        this.#isNeeded ||= isNeeded;
      }
    });
  }

  /**
   * Lets go of the refresh under way, its lock and its outcome; resolves with the tokens that it brings all the same.
   *
   * When its session turned out to be over, an event has told so already, and a sign-in goes on.
   */
  async detach(why: 'command' | 'session-over' = 'command'): Promise<TokenSet | undefined> {
    if (why === 'session-over' && this.#turn) return undefined;
    const run = this.#run;
    if (run) this.#clear(run);
    this.#parts.unstored.clear();
    const tokens = [run, this.#parts.errands].map((one) => one?.detach());
    if (run) this.#parts.session.dispatch({ type: 'abandoned', own: why === 'command' ? this.#own : undefined });
    return (await Promise.all(tokens)).find(Boolean);
  }

  /** From now on nothing is asked any more; what was asked is still stored. */
  dispose(): void {
    this.#isDisposed = true;
    this.#run?.stop();
  }

  async #refresh(
    run: RefreshRun,
    first: RefreshReason,
    isSignIn: boolean,
    challenge: Challenge | undefined,
  ): Promise<AttemptOutcome | undefined> {
    const { settings, session, callers } = this.#parts;
    const { clock, wakeups } = settings.platform;
    const startedAt = clock.now();
    // The probe of an open circuit breaker is one attempt; so is a refresh while offline, which may be wrong.
    const attempts = session.failing || !wakeups.isOnline() ? 1 : settings.retry.attempts;
    let reason = first;
    let known = session.record?.failure;
    for (let attempt = 1; ; attempt++) {
      const base = session.record;
      const request: AttemptRequest = { base, reason, attempt, isSignIn, challenge, known, failures: this.#failures };
      this.#own = { reason, attempt, durationMs: 0 };
      this.#aliveAt = clock.now();
      session.dispatch({ type: 'attempted', reason, attempt });
      const outcome = await this.#attempt(run, request);
      if (this.#run === run) this.#aliveAt = clock.now(); // the clock may have been set forward
      if (run.isDetached) return undefined;
      if (outcome.kind === 'lock-lost') {
        this.#publish({ ...outcome, kind: 'failed' }, request, clock.now() - startedAt, true);
        if (this.#takePeerTokens(run, base)) return undefined;
        continue;
      }
      const next = nextStep(
        {
          attempt,
          attempts: run.isStopped ? 0 : attempts,
          reason,
          failure: outcome.kind === 'failed' ? outcome : undefined,
          found: foundBy(outcome, base, session.record),
          now: clock.now(),
        },
        settings.retry,
      );
      // The run is cleared before the outcome is published: a listener that asks for a refresh starts a new one.
      if (next.step === 'stop') this.#clear(run);
      this.#publish(outcome, request, clock.now() - startedAt, next.step === 'retry');
      if ('record' in outcome && outcome.record) known = outcome.record.failure;
      if (next.step === 'refresh-found') {
        reason = 'expired';
      } else if (next.step === 'retry') {
        await run.delay(clock, next.delayMs);
        if (run.isDetached || run.isStopped) return undefined;
        // What this attempt has stored itself, a new refresh token and the failure, is no peer's.
        const own = outcome.kind === 'failed' ? outcome.record : undefined;
        if (this.#takePeerTokens(run, own ?? base)) return undefined;
      } else {
        if (next.isExpired && session.failing) callers.reject(session.failing.error);
        return outcome;
      }
    }
  }

  #clear(run: RefreshRun): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    this.#turn?.finish(); // before the session is published: a listener may ask for a refresh at once
    this.#turn = undefined;
    this.#parts.tell((watcher) => watcher.settled());
  }

  /** Where a peer has refreshed since an attempt began, and its tokens were taken already, the callers get them. */
  #takePeerTokens(run: RefreshRun, base: SessionRecord | undefined): boolean {
    const { settings, session, callers } = this.#parts;
    const held = session.record;
    const isNew = held && base && isNewAccess(held, base);
    if (!isNew || !isUsable(held.tokens, settings.platform.clock.now())) return false;
    this.#clear(run);
    this.#failures = 0;
    callers.resolve(held);
    return true;
  }

  async #attempt(run: RefreshRun, request: AttemptRequest): Promise<AttemptOutcome> {
    const { settings, session } = this.#parts;
    const { base, reason, attempt } = request;
    const came = await attemptUnderLock(this.#parts, run, request);
    const outcome = whatStands(came, session.record, settings.platform.clock.now());
    const isAside =
      outcome.kind === 'refreshed' && !outcome.request && base !== undefined && isSameAccess(outcome.record, base);
    if (!isAside) return outcome;
    // What was stored or found is the work of an errand: the access token has yet to be asked for, unless it is good.
    if (reason === 'due' && outcome.by === 'us') return { ...outcome, isBestAvailable: false };
    const { record, by } = outcome;
    const facts = { by, reason, attempts: attempt, durationMs: 0, isErrand: true };
    session.dispatch({ type: 'refreshed', base, record, ...facts });
    return this.#attempt(run, { ...request, base: record });
  }

  /** Changes the state of the session, then settles the callers. */
  #publish(
    outcome: AttemptOutcome,
    { base, reason, attempt, isSignIn }: AttemptRequest,
    durationMs: number,
    again: boolean,
  ): void {
    const { settings, session, callers, demands } = this.#parts;
    const { retry, platform } = settings;
    const now = platform.clock.now();
    const own = { reason, attempt, durationMs };
    if (outcome.kind === 'failed') {
      const { error, record, isOwn } = outcome;
      if (isOwn) this.#failures++;
      this.#quietUntil = now + backoffDelay(Math.max(1, this.#failures), retry, platform.random());
      session.dispatch({ type: 'failed', base, record, failing: outcome, again, own, isPeers: !isOwn });
      const held = session.record;
      // A peer was faster, and announced its tokens meanwhile.
      const isRefreshed = held && base && isNewAccess(held, record ?? base) && isUsable(held.tokens, now);
      if (isRefreshed) callers.resolve(held);
      else if (!again) callers.reject(error);
      return;
    }
    this.#failures = 0;
    this.#quietUntil = now + retry.minDelayMs;
    if (outcome.kind === 'refreshed') {
      const { record, by } = outcome;
      demands.answer(outcome.request);
      // The cookie may belong to another user by now, which is another session; and a read may have been faster.
      const from = settings.isGrant ? 'grant' : 'cookie';
      const isStart = !base || isSignIn || !isSameSession(base, record);
      // A sign-in elsewhere was found meanwhile: which of the two is stored, the storage says.
      const isBeside = !base && !isSignIn && session.record && !isSameSession(session.record, record);
      if (isBeside) this.#parts.foundNewer();
      else if (isStart && !isSameTokenSet(session.record, record)) session.dispatch({ type: 'started', record, from });
      else if (base) session.dispatch({ type: 'refreshed', base, record, by, reason, attempts: attempt, durationMs });
      const held = session.record;
      const isServed = outcome.isBestAvailable || isUsable(record.tokens, now);
      const served = held && isUsable(held.tokens, now) ? held : isBeside ? undefined : record;
      if (isServed && served) callers.resolve(served);
      else if (isBeside) this.start('expired'); // the token of another session is none to serve
    } else if (outcome.kind === 'replaced') {
      session.dispatch({ type: 'found', record: outcome.record, wasStored: true });
    } else if (outcome.kind === 'ended') {
      session.dispatch({ type: 'ended', reason: outcome.reason, error: base && outcome.error, own });
      if (outcome.unused) void this.#parts.revoke(outcome.unused, base);
    } else if (!this.#run) {
      session.dispatch({ type: 'abandoned' });
    }
  }
}
