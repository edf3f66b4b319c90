import { claimsOf } from '../core/challenge.js';
import { failureError } from '../core/failure-error.js';
import { isUsable } from '../core/freshness.js';
import { hooks } from '../core/hooks.js';
import { merge } from '../core/reconcile.js';
import { isFinal } from '../core/renewal.js';
import type { GrantEndpoints } from '../core/session-grant.js';
import { isLater, isSameSession, isSameTokenSet, type SessionRecord, supersedes } from '../core/session-record.js';
import { isSameSubject, type TokenSet, withRefreshToken } from '../core/token-set.js';
import type { Answer, Refused } from './answer.js';
import { choose } from './attempt-choice.js';
import { type AttemptEnd, expired, isProof, otherSubject, refusal } from './attempt-end.js';
import {
  type AttemptFailure,
  type AttemptOutcome,
  failed,
  failureOfPeer,
  lastRefusal,
  storedFailure,
  unavailable,
} from './attempt-outcome.js';
import type { AttemptParts } from './attempt-parts.js';
import type { AttemptRequest } from './attempt-request.js';
import { lockLost } from './hold-lock.js';
import { isPauseOver } from './pause.js';
import { type Found, isDeath, type LockedStorage } from './record-store.js';
import type { RefreshRun } from './refresh-run.js';
import type { TokenFacts } from './unstored-tokens.js';

export type { AttemptRequest };

const SUPERSEDED: AttemptOutcome = { kind: 'superseded' };
/** When the storage is read again before a refusal is believed, where peers may hold the lock at the same time. */
const SHARED_LOCK_READS_MS = [0, 250, 500, 1_000, 2_000];

/**
 * One attempt of a refresh, with the lock in hand: read the storage, take over what a peer has refreshed, ask, write.
 *
 * The order is the only safe one: a rotated refresh token that is not stored before the lock is released is lost.
 */
export class Attempt {
  readonly #parts: AttemptParts;
  readonly #run: RefreshRun;
  readonly #request: AttemptRequest;
  readonly #storage: LockedStorage;
  #hadPause = false;
  /** The storage could not be read, and is not written. */
  #isBlind = false;
  /** What the request was made with: it holds as well for the tokens of another user, whom a cookie may bring. */
  #facts: TokenFacts = {};

  constructor(parts: AttemptParts, run: RefreshRun, request: AttemptRequest, storage: LockedStorage) {
    this.#parts = parts;
    this.#run = run;
    this.#request = request;
    this.#storage = storage;
  }

  async execute(): Promise<AttemptOutcome> {
    const { settings, session, store, unstored } = this.#parts;
    const { clock } = settings.platform;
    const { base, errand } = this.#request;
    const startedAt = clock.now();
    const wasStored = store.wasStored(base);
    const found = await this.#read();
    if (this.#isSuperseded()) return SUPERSEDED;
    // A damaged record does not prove that the session was ended elsewhere, and may hide a newer refresh token.
    if (found.damage && (found.isForeign || store.wasStored(base))) return unavailable(found.damage, clock.now());
    const choice = choose(this.#parts, this.#request, this.#isBlind ? base : found.record, wasStored);
    if ('kind' in choice) return choice;
    let { current } = choice;
    // Without a session there is no record that could tell of the pause.
    const pause = current ? undefined : await this.#storage.readPause().catch(() => undefined);
    this.#hadPause = pause !== undefined;
    if (this.#isSuperseded()) return SUPERSEDED;
    if (pause && !isPauseOver(settings, pause)) return failureOfPeer(undefined, pause);
    const unstoredBefore = unstored.take(current);
    if (unstoredBefore) return this.#storeTokens(current, unstoredBefore);
    if (this.#run.isStopped) return SUPERSEDED;
    if (current && !errand && isFinal(current.tokens, settings.needsRefreshToken))
      return this.#confirmEnd(current, expired(this.#parts.marks.lost));
    // With the mark, a crash between the server's rotation and our write is told from a refusal out of nowhere.
    if (current && !settings.isGrant && !this.#isBlind)
      await this.#storage.write({ ...current, unanswered: true }).catch(() => undefined);
    if (this.#isSuperseded()) return SUPERSEDED;
    if (this.#storage.isLost()) return unavailable(lockLost(), clock.now());
    // The write of a peer that had timed out may have come through meanwhile.
    const { record: held } = session;
    if (current && held && supersedes(held, current)) {
      const since = choose(this.#parts, this.#request, held);
      if ('kind' in since) return since;
      ({ current } = since);
    }
    const unstoredSince = unstored.take(current);
    if (unstoredSince) return this.#storeTokens(current, unstoredSince);
    // Aborting a request can lose a rotated refresh token: it keeps at least half of `timeoutMs`, whatever came before.
    const limitMs = settings.timeoutMs - Math.min(settings.timeoutMs / 2, Math.max(0, clock.now() - startedAt));
    const request = this.#parts.demands.send();
    const answer = await this.#run.untilDetached(this.#requestTokens(current, limitMs));
    if (!answer || this.#isSuperseded()) return SUPERSEDED;
    if (answer.tokens) return this.#storeTokens(current, this.#accept(current, answer.tokens), request);
    // Without a session, a bare 401 to the cookie means "not signed in"; one that names the client means the client.
    const { kind, status } = answer.failure;
    const isSignedOut = !current && status === 401 && kind === 'unknown';
    const isDead = !settings.isGrant && (isProof(answer, settings) || isSignedOut);
    if (!isDead) return this.#recordFailure(current, answer);
    // To an errand, a refusal may be about its target: what the session's own refresh is told counts.
    const isAside = errand && !answer.lost;
    const note = async () => ({ ...(await this.#recordFailure(current, answer)), isDoubt: true });
    return this.#confirmEnd(current, isAside ? note : refusal(current, answer));
  }

  /**
   * A storage that never took the session, and cannot be read either, keeps it from nothing: it lives in memory. With a
   * cookie, the server says whose session it is, also where the storage is dead for good.
   *
   * What cannot be read is not overwritten: it may be a newer session. The reconciler reads before it writes.
   * `mayFail`: what follows ends no session, and holds here until it can be stored.
   */
  #read(mayFail = false): Promise<Found> {
    const { settings, store } = this.#parts;
    const { base, isSignIn } = this.#request;
    return this.#storage.read().catch((error) => {
      const isTold = mayFail || (settings.isCookie && (isSignIn || isDeath(settings, error)));
      if (!isTold && (!base || store.wasStored(base))) throw error;
      this.#isBlind = true;
      return { record: undefined };
    });
  }

  /** The session was ended or replaced here. */
  #isSuperseded(): boolean {
    const { base, isSignIn } = this.#request;
    return this.#run.isDetached || (!isSignIn && !isSameSession(this.#parts.session.record, base));
  }

  #requestTokens(current: SessionRecord | undefined, limitMs: number): Promise<Answer> {
    const { settings, records, exchange, unstored } = this.#parts;
    const { reason, attempt, challenge, errand } = this.#request;
    const { accessToken, refreshToken, scopes = [] } = current?.tokens ?? {};
    this.#facts = { grant: current?.grant, claims: claimsOf(challenge) };
    const moved = (endpoints: GrantEndpoints) => {
      this.#facts = { ...this.#facts, grant: { ...current?.grant, endpoints } };
    };
    return exchange.request(
      {
        ...current?.grant,
        [hooks]: { moved },
        ...(refreshToken !== undefined && !settings.isGrant && { refreshToken }),
        ...(challenge && { challenge }),
        accessToken: settings.isHidden ? undefined : accessToken,
        scopes,
        reason,
        attempt,
        attemptId: (current?.attemptId ?? records.newId()) + (errand?.suffix ?? ''),
        ...errand?.request,
      },
      current && { ...current.tokens, ...errand?.previous },
      limitMs,
      (late) => {
        // Both change the facts.
        const tokens = late.tokens ? this.#accept(current, late.tokens) : this.#acceptRefused(current, late);
        if (tokens) unstored.put(current, tokens, this.#facts);
      },
    );
  }

  #accept(current: SessionRecord | undefined, tokens: TokenSet): TokenSet {
    const { errand } = this.#request;
    if (!current || !errand) return tokens;
    const accepted = errand.accept(current, tokens, this.#facts);
    this.#facts = accepted.facts;
    return accepted.tokens;
  }

  /** A refused answer may bring a new refresh token all the same. */
  #acceptRefused(current: SessionRecord | undefined, { refreshToken }: Refused): TokenSet | undefined {
    if (!current || refreshToken === undefined || refreshToken === current.tokens.refreshToken) return undefined;
    this.#facts = { ...this.#facts, claims: current.claims, others: current.others ?? {}, isRefused: true };
    return withRefreshToken(current.tokens, refreshToken);
  }

  async #storeTokens(current: SessionRecord | undefined, tokens: TokenSet, request?: number): Promise<AttemptOutcome> {
    const { settings, records, unstored, session } = this.#parts;
    const { clock } = settings.platform;
    const facts = request ? this.#facts : unstored.facts;
    if (this.#storage.isLost()) {
      unstored.put(current, tokens, facts);
      return { ...unavailable(lockLost(), clock.now()), kind: 'lock-lost' };
    }
    if (current && settings.needsRefreshToken && !isSameSubject(current.tokens.idToken, tokens.idToken)) {
      return this.#confirmEnd(current, otherSubject(current, tokens));
    }
    const wasUsable = isUsable(tokens, clock.now());
    const isFirst = this.#isBlind || this.#request.isSignIn;
    const next = records.next(current, tokens, { ...facts, after: isFirst ? records.firstRevision() : undefined });
    const record = facts.isRefused ? { ...next, failure: current?.failure } : next;
    const letGo = current && unstored.keep(current, tokens, facts);
    await this.#write(record);
    letGo?.();
    // A token that expires before it is published, because the storage or the lock is slow, is replaced once.
    const isBestAvailable = request !== undefined && (!wasUsable || this.#request.attempt > 1);
    const isOther = !isSameSession(record, this.#request.base) && !isSameSession(record, session.record);
    if (this.#run.isDetached && isOther) await this.#erase(record); // signing out wins, also over a write under way
    if (this.#hadPause) await this.#storage.writePause(undefined).catch(() => undefined);
    return { kind: 'refreshed', by: 'us', record, request, isBestAvailable };
  }

  /** Before a session ends, the storage is read again: a peer may have stored a newer refresh token. */
  async #confirmEnd(
    current: SessionRecord | undefined,
    end: AttemptEnd | (() => Promise<AttemptOutcome>),
  ): Promise<AttemptOutcome> {
    const { settings, store, unstored } = this.#parts;
    const { clock } = settings.platform;
    let waitedMs = 0;
    for (const readAfterMs of this.#storage.isExclusive ? [0] : SHARED_LOCK_READS_MS) {
      const delayMs = readAfterMs - waitedMs;
      if (delayMs > 0) await new Promise<void>((resolve) => clock.after(delayMs, resolve));
      waitedMs = readAfterMs;
      const late = unstored.take(current);
      if (late) return this.#storeTokens(current, late);
      const wasStored = store.wasStored(current);
      const { record } = await this.#read(typeof end === 'function');
      if (this.#isSuperseded()) return SUPERSEDED;
      // What a peer has noted about the same tokens does not make them better.
      const isSame = isSameTokenSet(record, current) && record?.tokens.refreshToken === current?.tokens.refreshToken;
      if (record && !isSame && !this.#request.isSignIn && store.standing(current, record, wasStored) === 'found') {
        return isSameSession(record, current)
          ? { kind: 'refreshed', by: 'peer', record }
          : { kind: 'replaced', record };
      }
    }
    if (typeof end === 'function') return end();
    // The new holder of the lock decides.
    if (this.#storage.isLost()) return unavailable(lockLost(), clock.now());
    const over = current ?? (this.#request.isSignIn ? this.#request.base : undefined);
    if (over) await this.#erase(over);
    return { ...end, of: current };
  }

  async #recordFailure(asked: SessionRecord | undefined, answer: Refused): Promise<AttemptFailure> {
    const { settings, records, session, reconciler } = this.#parts;
    const { errand, failures } = this.#request;
    // A peer that held the lock as well may have been faster.
    const { record: newest } = session;
    const held = asked && newest && isSameSession(newest, asked) && isLater(newest, asked) ? newest : undefined;
    // An errand keeps what has been noted since, a failure of the session's own refresh as well.
    const current = asked && errand ? (held ?? merge(asked, newest, (pause) => isPauseOver(settings, pause))) : asked;
    const noted = current && errand ? errand.failureOf(current) : current?.failure;
    const last = current ? noted : lastRefusal(session.failing);
    const count = (noted?.count ?? failures) + 1;
    const { failure, isPassing } = storedFailure(answer, last, count, settings);
    const { refreshToken } = answer;
    let record = current;
    if (current && refreshToken !== undefined && refreshToken !== current.tokens.refreshToken) {
      const facts = { ...this.#facts, claims: current.claims };
      record = { ...records.next(current, withRefreshToken(current.tokens, refreshToken), facts), failure };
    } else if (current) {
      record = { ...current, failure, unanswered: current.unanswered || !answer.isAnswer };
    }
    if (errand && current && record) record = errand.refuse(current, record, failure);
    if (!record && failure.named) await this.#storage.writePause(failure).catch(() => undefined);
    if (record) {
      records.note(record);
      // A newer record stays; what it has to wait for is stored after another look at the storage.
      if (!held || errand) await this.#write(record);
      else if (failure.named) reconciler.schedule();
    }
    return failed(failureError(failure, answer.detail, answer.cause), failure, record, isPassing, true);
  }

  async #erase({ sessionId }: SessionRecord): Promise<void> {
    const { store, reconciler } = this.#parts;
    const later = () => {
      store.bury([sessionId]);
      reconciler.schedule();
    };
    if (this.#isBlind) later();
    else await this.#storage.erase().catch(later);
  }

  async #write(record: SessionRecord): Promise<void> {
    const { store, reconciler } = this.#parts;
    // What could not be read before may be readable by now.
    const found = this.#isBlind ? await this.#storage.read().catch(() => undefined) : undefined;
    const mayWrite = !this.#isBlind || (found && !found.damage && store.standing(record, found.record) === 'held');
    if (mayWrite) await this.#storage.write(record).catch(() => reconciler.schedule());
    else reconciler.schedule();
  }
}
