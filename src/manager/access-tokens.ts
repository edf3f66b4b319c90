import { claimsOf } from '../core/challenge.js';
import { dueAt, freshFrom, freshness, isUsable, outlives } from '../core/freshness.js';
import type { SentWith } from '../core/hooks.js';
import { isFinal } from '../core/renewal.js';
import { noSession } from '../core/session.js';
import { isSameSession, isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import { isTokenError, LockError, OptionsError, RefreshError, SessionError, StorageError } from '../errors.js';
import type { Alarm } from './alarm.js';
import { NO_REFRESH_TOKEN } from './attempt-end.js';
import { checkCall } from './check-call.js';
import { withDeadline } from './deadline.js';
import type { Demands } from './demands.js';
import type { Exchange } from './exchange.js';
import { type LiveSession, pastSession, requireSession, whenKnown } from './live-session.js';
import { isNothingToAsk } from './nothing-to-ask.js';
import { fail, type Settings } from './options.js';
import { isPauseOver } from './pause.js';
import type { PendingCommands } from './pending-commands.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import type { StorageReader } from './storage-reader.js';
import type { TokenManager } from './token-manager.js';
import type { TokenMarks } from './token-marks.js';
import type { Waiters } from './waiters.js';

/** The parts that serving needs. */
export interface AccessParts {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly exchange: Exchange;
  readonly pending: PendingCommands;
  readonly demands: Demands;
  readonly callers: Waiters<SessionRecord>;
  readonly refresher: Refresher;
  readonly reader: StorageReader;
  readonly alarm: Alarm;
  readonly marks: TokenMarks;
  /** Loads at first use; throws after `dispose()`. */
  activate(): void;
  /** Waits for work that goes on by itself. */
  track(work: Promise<void>, signal?: AbortSignal): Promise<void>;
  /** Tells watchers of a caller who is not served at once. */
  waited<T>(outcome: Promise<T>): Promise<T>;
}

/** The request under way, tokens of before that a peer has stored or that came late, and one of our own. */
const MAX_ROUNDS = 3;

/** How long a caller with a usable token waits for a better one, where work ends with the answer. */
const MAX_PATIENCE_MS = 2_000;

type GetOptions = NonNullable<Parameters<TokenManager['getAccessToken']>[0]>;
type RefreshOptions = NonNullable<Parameters<TokenManager['replaceAccessToken']>[1]>;

/** Serves access tokens: at once while usable, after a refresh otherwise. */
export class AccessTokens {
  readonly #parts: AccessParts;
  /** The access token, ready to be handed out from `#freshFrom` until `#dueAt`. */
  #fresh: Promise<string> | undefined;
  #freshFrom = 0;
  #dueAt = 0;
  /** When these tokens became known here. */
  #since = 0;
  /** What callers without options wait for together, until the session changes. */
  #pending: Promise<string> | undefined;
  #pendingSince = 0;

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  /** Follows a change of the session; returns when its access token is due. */
  update(next: SessionRecord | undefined, last: SessionRecord | undefined): number {
    this.#pending = undefined;
    const { settings, marks } = this.#parts;
    const accessToken = next?.tokens.accessToken;
    // Two that could not store may have tokens of the same revision: what is held now may be what the other one got.
    marks.add(accessToken, isSameSession(next, last), next?.grant?.binding);
    for (const other of Object.values(next?.others ?? {})) marks.add(other.accessToken, true, next?.grant?.binding);
    if (!isSameTokenSet(next, last) || accessToken !== last?.tokens.accessToken) {
      const { leewayMs, needsRefreshToken, platform } = settings;
      this.#fresh = accessToken === undefined ? undefined : Promise.resolve(accessToken);
      this.#freshFrom = next ? freshFrom(next.tokens) : 0;
      // The last tokens of a session are good to their end, and the alarm ends the session then.
      this.#dueAt = !next
        ? 0
        : isFinal(next.tokens, needsRefreshToken)
          ? Math.ceil(next.tokens.expiresAt ?? Number.POSITIVE_INFINITY)
          : dueAt(next.tokens, leewayMs, platform.random());
      this.#since = platform.clock.now();
    }
    return this.#dueAt;
  }

  /** From now on every call goes the long way, and is refused there. */
  dispose(): void {
    this.#fresh = undefined;
    this.#pending = undefined;
  }

  /** Whether an access token is known as one of a session that is over. */
  isOfPastSession(accessToken: string): boolean {
    return this.#parts.marks.isPast(accessToken);
  }

  get(options?: GetOptions): Promise<string> {
    try {
      if (options !== undefined) checkCall(options, 'minValidityMs');
    } catch (error) {
      return Promise.reject(error);
    }
    const parts = this.#parts;
    const { settings } = parts;
    // Who asks beside a sign-in waits for that, and not with those who asked before it.
    if (parts.reader.isBlocking || parts.pending.isStarting) return this.#parts.waited(this.#get(options));
    const now = settings.platform.clock.now();
    const isFresh = now < this.#dueAt && now >= this.#freshFrom;
    if (this.#fresh && isFresh && (options === undefined || isPlain(options))) return this.#fresh;
    const { session, exchange } = parts;
    const { record } = session;
    // The refresh function must not wait for itself, and no caller for a refresh while there is a usable token.
    const isServed = record && isUsable(record.tokens, now);
    if (options !== undefined || exchange.isInside(undefined) || isServed) {
      const outcome = this.#get(options);
      const isAtOnce = isServed && !options?.minValidityMs && settings.platform.background !== false;
      return isAtOnce ? outcome : this.#parts.waited(outcome);
    }
    // Who comes later waits on its own: the others may have been cut off together with what they wait for.
    if (!this.#pending || now - this.#pendingSince > MAX_PATIENCE_MS) {
      this.#pendingSince = now;
      const token = this.#get();
      const clear = () => {
        if (this.#pending === token) this.#pending = undefined;
      };
      this.#pending = token;
      token.then(clear, clear);
    }
    return this.#parts.waited(this.#pending);
  }

  /** Another access token than the one that was refused; `sent`: the token set that the request went out with. */
  async replace(rejected: string, options: RefreshOptions = {}, sent?: SentWith): Promise<string> {
    if (typeof rejected !== 'string') fail('rejected', 'the access token that was refused', rejected);
    checkCall(options, 'challenge');
    await whenKnown(this.#parts, options.signal);
    const state = requireSession(this.#parts);
    const isPast = sent && state ? sent.sessionId !== state.record.sessionId : this.isOfPastSession(rejected);
    if (isPast) throw pastSession();
    if (!state) return this.#waitForToken(options.signal);
    const { tokens } = state.record;
    const { settings, demands, session } = this.#parts;
    const isRejected = settings.isHidden ? this.#isPresent(state.record, sent) : tokens.accessToken === rejected;
    const claims = claimsOf(options.challenge);
    const isMet = () => claims === undefined || session.record?.claims === claims;
    if (isRejected || !isMet()) {
      // A refresh under way may have begun before the rejected token came, and end with it; or ask for no claims, or others.
      const demand = demands.add();
      const token = await this.#refresh(state, 'rejected', options);
      const isSame = token === rejected && !demands.isMet(demand, session.record);
      return isSame || !isMet() ? this.replace(rejected, options, sent) : token;
    }
    const isGood = isUsable(tokens, settings.platform.clock.now());
    return isGood ? tokens.accessToken : this.#refresh(state, 'expired', options);
  }

  /** New tokens although the present ones are good. */
  async refresh(options: RefreshOptions = {}): Promise<void> {
    checkCall(options);
    const { settings, demands, session, refresher } = this.#parts;
    const demand = demands.add();
    await whenKnown(this.#parts, options.signal, Number.POSITIVE_INFINITY);
    const isUnread = session.state.status === 'loading' && session.failing?.error instanceof StorageError;
    if (settings.isCookie && (session.state.status === 'none' || isUnread)) {
      // A sign-in that has begun since the call is not replaced by what was asked for before it.
      if (this.#parts.pending.isStarting && !this.#parts.exchange.isInside(options.signal))
        return this.refresh(options);
      return this.#parts.track(refresher.signIn('asked'), options.signal);
    }
    // A request that was sent before the call tells nothing of what has changed since: its outcome is not taken.
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      const state = requireSession(this.#parts);
      await (state ? this.#refresh(state, 'asked', options) : this.#waitForToken(options.signal));
      if (demands.isMet(demand, session.record)) return;
    }
    const message = `Expected a refresh that begins after the call, but ${MAX_ROUNDS} others came first; try again.`;
    throw new LockError('ERR_LOCK_TIMEOUT', message);
  }

  /** `of`: the session that was asked for, where it was known before the wait. */
  async #get({ signal, minValidityMs = 0 }: GetOptions = {}, of?: SessionRecord): Promise<string> {
    const { settings, session, refresher } = this.#parts;
    const { clock } = settings.platform;
    await whenKnown(this.#parts, signal, minValidityMs);
    const state = requireSession(this.#parts);
    if (of && !isSameSession(state?.record, of)) throw pastSession();
    if (!state) return this.#waitForToken(signal);
    const { tokens } = state.record;
    const now = clock.now();
    const worth = freshness(tokens, this.#dueAt, now);
    const isGood = worth !== 'expired';
    const isEnough = isGood && outlives(tokens, this.#dueAt, now, minValidityMs);
    const isQuiet = !isPauseOver(settings, { retryAt: refresher.quietUntil, named: false });
    const isDue = isEnough && worth === 'stale' && this.#isBreakerClosed(state) && !isQuiet;
    const isBehind = settings.platform.background !== false;
    if (isDue && isBehind) refresher.start('due');
    if (isEnough && (isBehind || !isDue)) return tokens.accessToken;
    try {
      const refresh = () => this.#refresh(state, isGood ? 'due' : 'expired', { signal }, !isEnough);
      return await (isEnough ? withDeadline(clock, MAX_PATIENCE_MS, refresh, () => undefined) : refresh());
    } catch (error) {
      const isTimeout = error === undefined;
      const isFault = isTokenError(error) && !(error instanceof SessionError || error instanceof OptionsError);
      const { record } = session;
      if (!(isTimeout || isFault) || !record || !isSameSession(record, state.record))
        throw isTimeout ? noSession(session.state) : error;
      // A usable token beats none, though it does not live as long as was asked for; a peer may have brought it.
      if (isUsable(record.tokens, clock.now())) return record.tokens.accessToken;
      if (isTimeout) return this.#get({ signal, minValidityMs }, record); // it has expired meanwhile
      throw error;
    }
  }

  /**
   * Whether it was the present cookie that was refused. Where it is not known which tokens a request was sent with, a
   * refusal right after new tokens came counts for those before.
   */
  #isPresent({ revision }: SessionRecord, sent: SentWith | undefined): boolean {
    if (sent) return sent.revision === revision;
    const { retry, platform } = this.#parts.settings;
    const now = platform.clock.now();
    return now < this.#since || now - this.#since >= retry.minDelayMs;
  }

  async #waitForToken(signal: AbortSignal | undefined): Promise<string> {
    return (await this.#parts.callers.wait(signal)).tokens.accessToken;
  }

  /** Waits for the refresh under way, or for one that starts now; refused while refreshing fails. */
  async #refresh(
    state: LiveSession,
    reason: 'due' | 'expired' | 'rejected' | 'asked',
    { signal, challenge }: RefreshOptions,
    isNeeded = reason !== 'due',
  ): Promise<string> {
    if (this.#parts.exchange.isInside(signal)) {
      const message =
        'The refresh function asked for an access token, which waits for that same refresh: use the request it was given, and pass its signal on.';
      throw new OptionsError('ERR_OPTIONS', message);
    }
    if (isNothingToAsk(this.#parts, state.record.tokens, reason)) {
      throw new RefreshError('ERR_REFRESH_CONFIG', `Nothing was asked: ${NO_REFRESH_TOKEN}.`, { attempts: 0 });
    }
    const isProbe = reason === 'asked' && !(state.status === 'waiting' && state.failing.named);
    if (!isProbe && state.status === 'waiting' && !this.#isBreakerClosed(state)) throw state.failing.error;
    const token = this.#waitForToken(signal);
    this.#parts.refresher.start(reason, challenge, isNeeded);
    return token;
  }

  /** Refreshing does not fail, its pause is over, or a wake-up lets a probe through. */
  #isBreakerClosed(state: LiveSession): boolean {
    if (state.status !== 'waiting') return true;
    const { settings, alarm } = this.#parts;
    const { failing } = state;
    return isPauseOver(settings, failing) || (!failing.named && alarm.isProbeAllowed);
  }
}

function isPlain({ minValidityMs, signal }: GetOptions): boolean {
  return minValidityMs === undefined && !signal?.aborted;
}
