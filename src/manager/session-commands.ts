import { mistakenTokens } from '../core/mistaken-tokens.js';
import { orNone } from '../core/or-none.js';
import type { TokenEvent } from '../core/session-events.js';
import { isSoundGrant, type SessionGrant, type SignInGrant } from '../core/session-grant.js';
import { isSameSession, isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import { hasSameSubject, readTokenResponse, type TokenResponse, type TokenSet } from '../core/token-set.js';
import { LockError, OptionsError, SessionError } from '../errors.js';
import { announce } from './announce.js';
import { withDeadline } from './deadline.js';
import { longestMs } from './hold-lock.js';
import { fail, type Settings } from './options.js';
import type { PendingCommands } from './pending-commands.js';
import type { PendingWork } from './pending-work.js';
import type { Reconciler } from './reconciler.js';
import type { RecordFactory } from './record-factory.js';
import type { RecordStore, StorageObserver } from './record-store.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import type { StorageReader } from './storage-reader.js';
import type { UnstoredObserver } from './unstored-tokens.js';
import type { Waiters } from './waiters.js';

/** The parts that sign-in and sign-out need. */
export interface CommandParts extends Pick<StorageObserver, 'storageFailed'>, UnstoredObserver {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly store: RecordStore;
  readonly reconciler: Reconciler;
  readonly records: RecordFactory;
  readonly pending: PendingCommands;
  readonly refresher: Refresher;
  readonly reader: StorageReader;
  readonly work: PendingWork;
  /** Callers who wait for the outcome of a refresh. */
  readonly callers: Waiters<SessionRecord>;
  emit(event: TokenEvent): void;
  /** Tells the server that tokens are of no use any more. */
  revoke(tokens: TokenSet | undefined, of: SessionRecord | undefined): Promise<void>;
}

/** Sign-in and sign-out: writes like any other, under the lock. */
export class SessionCommands {
  readonly #parts: CommandParts;
  #ending: Promise<void> | undefined;
  /** Sessions whose end has yet to be told: when nothing is left of them, or before another one starts. */
  #untold: readonly string[] = orNone();

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Starts a session with a token response; with none, in cookie mode, with what the endpoint says now. */
  async start(response: TokenResponse | undefined, grant?: SignInGrant): Promise<void> {
    const { platform, isCookie, isHidden } = this.#parts.settings;
    if (response === undefined && isCookie && !grant) return this.#parts.refresher.signIn('resume');
    const mistake = mistakenTokens(response, isHidden);
    const now = platform.clock.now();
    const { requestedAt = now, continues = false, ...granted } = Object(grant) as SignInGrant;
    const isKnown = Object.keys(granted).every((name) => /^(issuer|endpoints|binding)$/.test(name));
    if (!(isKnown && isSoundGrant(granted) && Number.isFinite(requestedAt) && typeof continues === 'boolean')) {
      fail('grant', 'issuer, endpoints, binding, requestedAt, continues', grant);
    }
    const read = (previous?: TokenSet) => ({
      tokens: undefined,
      ...readTokenResponse(response, requestedAt, now, previous, isHidden, grant?.binding !== undefined),
    });
    const { tokens, problem } = read();
    if (!tokens || mistake) {
      const expected = 'Expected startSession() to be given a token response (RFC 6749 section 5.1)';
      const what = mistake ?? `${problem} came; check the answer to the sign-in`;
      throw new OptionsError('ERR_OPTIONS', `${expected}, but ${what}.`);
    }
    try {
      await this.#start(tokens, grant && granted, continues, (previous) => read(previous).tokens ?? tokens);
    } finally {
      void this.#parts.reader.read(false); // a read during the start was of no use
    }
  }

  /** Ends the session: here, for the server and for the next page at once; then in the storage, under the lock. */
  end(): Promise<void> {
    const { session, pending } = this.#parts;
    if (session.state.status === 'none' && !pending.isStarting) return this.#endUnderWay();
    const ending = this.#end().finally(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
    return ending;
  }

  /** Waits for the sign-out under way, if there is one; what one left that was cut off is finished. */
  async #endUnderWay(): Promise<void> {
    const ending = this.#ending;
    const { settings, reconciler } = this.#parts;
    try {
      const { clock } = settings.platform;
      if (ending)
        await withDeadline(
          clock,
          longestMs(settings),
          () => ending,
          () => undefined,
        );
      return;
    } catch (error) {
      if (error !== undefined) throw error;
    }
    if (this.#ending === ending) this.#ending = undefined;
    reconciler.schedule();
    await this.finish();
  }

  /** Finishes a sign-out whose page left: erases what it left, and tells the server. */
  async finish(): Promise<void> {
    const { settings, store, reconciler } = this.#parts;
    const ended = await store
      .withLock(async (storage) => {
        const { record, isEnding } = await storage.read();
        if (!isEnding) return undefined;
        // Where nothing is stored there is nothing to remove, but where the lock is no real one, perhaps what is written right now.
        await (record ? storage.erase() : storage.forget());
        announce(settings); // the page that left may not have got that far
        return { record };
      })
      .catch(() => reconciler.schedule());
    if (!ended) return;
    const { record } = ended;
    const revocation = this.#parts.revoke(record?.tokens, record);
    if (settings.isCookie) await revocation; // until then, the cookie may still bring the session back
  }

  /** Tells of sign-outs; also of those that are not over, before another session starts. */
  tellEnds(): void {
    const ended = this.#untold;
    this.#untold = orNone();
    for (const sessionId of ended) {
      this.#parts.emit({ type: 'sessionEnded', payload: { reason: 'ended' }, sessionId });
    }
  }

  /** `after`: the tokens with what is kept of those before. */
  async #start(
    tokens: TokenSet,
    granted: SessionGrant | undefined,
    continues: boolean,
    after: (previous: TokenSet) => TokenSet,
  ): Promise<void> {
    const { session, store, records, pending, refresher } = this.#parts;
    const first = records.next(undefined, tokens, { grant: granted });
    const { sessionId } = first;
    const begunAt = records.firstRevision();
    const turn = pending.beginStart(sessionId);
    // A refresh under way may bring the refresh token that a session goes on with.
    if (!continues || tokens.refreshToken !== undefined) void refresher.detach();
    /** The session that goes on. */
    let base: SessionRecord | undefined;
    const goOn = (current: SessionRecord | undefined) => {
      base = continues && hasSameSubject(current?.tokens.idToken, tokens.idToken) ? current : undefined;
    };
    // Counted from the clock, the later of two sessions is the newer one also for peers that cannot see each other's writes.
    const recordAfter = (revision = 0): SessionRecord => ({
      ...(base ? records.continued(base, after(base.tokens), granted) : first),
      revision: Math.floor(Math.max(revision, session.state.revision, begunAt)) + turn.turn,
    });
    let record: SessionRecord | undefined;
    try {
      await store.withLock(async (storage) => {
        const found = await storage.read().catch(() => undefined);
        if (!turn.isLatest() || turn.isEnded()) return;
        const held = records.newest(session.record);
        const standing = found && !found.damage ? store.standing(held, found.record) : 'held';
        goOn(standing === 'neither' ? undefined : standing === 'held' ? held : found?.record);
        if (!base) void refresher.detach();
        record = recordAfter(found?.record?.revision);
        await storage.write(record);
        if (turn.isEnded()) await storage.erase(); // signing out wins, also over a write under way
      });
    } catch (error) {
      if (error instanceof OptionsError) {
        turn.finish();
        throw error; // this platform keeps no session at all
      }
      // The session lives in memory, and storing it is tried again; what it replaced may still be stored.
      this.#reportLock('write', error);
      if (error instanceof LockError) record = undefined; // its revision has to follow what others stored meanwhile
      if (!record) goOn(records.newest(session.record));
      const replaced = turn.isLatest() && !turn.isEnded() ? session.record?.sessionId : sessionId;
      this.#erase(base ? undefined : replaced);
    }
    turn.finish(); // before the session is published: a listener may ask for a refresh at once
    if (turn.isEnded()) {
      void this.#parts.revoke(tokens, first);
      throw new SessionError('ERR_NO_SESSION', 'The session was ended while it was being started.');
    }
    this.tellEnds();
    if (!turn.isLatest()) {
      if (record) this.#erase(sessionId); // the later start has replaced it, and may fail to store that
      return;
    }
    record ??= recordAfter();
    if (base && isSameSession(session.record, base)) {
      const facts = { by: 'us', reason: 'asked', attempts: 0, durationMs: 0 } as const;
      session.dispatch({ type: 'refreshed', base, record, ...facts });
      this.#parts.callers.resolve(record);
      this.#parts.tokensArrivedLate(); // while nothing could be refreshed
    } else session.dispatch({ type: 'started', record, from: base ? 'storage' : 'sign-in' });
  }

  async #end(): Promise<void> {
    const { settings, session, store, pending, refresher, reader, work } = this.#parts;
    const own = session.record;
    // All of this is done before the first `await`, because the page may leave in this turn.
    const turn = pending.beginEnd();
    const burial = store.bury([...turn.startingIds, own?.sessionId], true);
    if (own) this.#untold = this.#untold.concat(own.sessionId);
    const inFlight = refresher.detach(); // before the session ends, which detaches the refresh as well
    session.dispatch({ type: 'ended', reason: 'ended' });
    const revoked = new Set<string | undefined>();
    const revokeOnce = (of: SessionRecord | undefined, tokens = of?.tokens) => {
      if (!revoked.has(tokens?.accessToken)) void this.#parts.revoke(tokens, of);
      revoked.add(tokens?.accessToken);
    };
    revokeOnce(own);
    void work.track(inFlight.then((tokens) => tokens && revokeOnce(own, tokens)));
    announce(settings); // a peer that sees the marks goes on from here, should the page leave
    let erased = own;
    try {
      await store.withLock(async (storage) => {
        const found = await storage.read().catch(() => undefined);
        const record = found?.record;
        if (found && !record && settings.isCookie) await storage.writePause(undefined).catch(() => undefined);
        // A sign-out erases the stored record, be it of the ended session or of one that this has replaced; not a peer's new
        // session, nor, where it did not know whose session there was, one of after a peer had finished it.
        if (found && (!record || (own ? store.standing(own, record) === 'found' : burial.isBefore(record)))) return;
        erased = record ?? own;
        await storage.erase();
        const isNewer = record && !isSameTokenSet(record, own) && record.revision >= (own?.revision ?? 0);
        // a session that is being started is revoked by its start
        if (isNewer && !turn.startingIds.includes(record.sessionId)) revokeOnce(record);
      });
      burial.unmark();
      announce(settings);
    } catch (error) {
      this.#reportLock('remove', error);
      this.#erase(erased?.sessionId);
      throw error;
    } finally {
      turn.finish();
      this.tellEnds();
      void reader.read(false);
    }
  }

  /** The record of this session has to go from the storage, where there is one. */
  #erase(sessionId: string | undefined): void {
    if (sessionId !== undefined) this.#parts.store.bury([sessionId]);
    this.#parts.reconciler.schedule();
  }

  /** The storage's own failures were reported where they happened. */
  #reportLock(operation: 'write' | 'remove', error: unknown): void {
    if (error instanceof LockError) this.#parts.storageFailed(operation, error);
  }
}
