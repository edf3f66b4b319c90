import { mistakenTokens } from '../core/mistaken-tokens.js';
import type { TokenEvent } from '../core/session-events.js';
import { isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import { readTokenResponse, type TokenResponse, type TokenSet } from '../core/token-set.js';
import { LockError, OptionsError, SessionError } from '../errors.js';
import { announce } from './announce.js';
import type { Settings } from './options.js';
import type { PendingCommands } from './pending-commands.js';
import type { PendingWork } from './pending-work.js';
import type { Reconciler } from './reconciler.js';
import type { RecordFactory } from './record-factory.js';
import type { RecordStore, StorageObserver } from './record-store.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import type { StorageReader } from './storage-reader.js';

/** The parts that sign-in and sign-out need. */
export interface CommandParts extends Pick<StorageObserver, 'storageFailed'> {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly store: RecordStore;
  readonly reconciler: Reconciler;
  readonly records: RecordFactory;
  readonly pending: PendingCommands;
  readonly refresher: Refresher;
  readonly reader: StorageReader;
  readonly work: PendingWork;
  emit(event: TokenEvent): void;
  /** Tells the server that tokens are of no use any more. */
  revoke(tokens: TokenSet | undefined, sessionId: string | undefined): Promise<void>;
}

const NONE: readonly string[] = [];

/** Sign-in and sign-out: writes like any other, under the lock. */
export class SessionCommands {
  readonly #parts: CommandParts;
  #ending: Promise<void> | undefined;
  /** Sessions whose end has yet to be told: when nothing is left of them, or before another one starts. */
  #untold: readonly string[] = NONE;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Starts a session with a token response; with none, in cookie mode, with what the endpoint says now. */
  async start(response: TokenResponse | undefined): Promise<void> {
    const { platform, isCookie, isHidden } = this.#parts.settings;
    if (response === undefined && isCookie) return this.#parts.refresher.signIn('resume');
    const mistake = mistakenTokens(response, isHidden);
    const now = platform.clock.now();
    const { tokens, problem } = { tokens: undefined, ...readTokenResponse(response, now, now, undefined, isHidden) };
    if (!tokens || mistake) {
      const expected = 'Expected startSession() to be given a token response (RFC 6749 section 5.1)';
      const what = mistake ?? `${problem} came; check the answer to the sign-in`;
      throw new OptionsError('ERR_OPTIONS', `${expected}, but ${what}.`);
    }
    try {
      await this.#start(tokens);
    } finally {
      void this.#parts.reader.read(false); // a read during the start was of no use
    }
  }

  /** Ends the session: here, for the server and for the next page at once; then in the storage, under the lock. */
  end(): Promise<void> {
    const { session, pending } = this.#parts;
    if (session.state.status === 'none' && !pending.isStarting) return this.#ending ?? Promise.resolve();
    const ending = this.#end().finally(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
    return ending;
  }

  /** Finishes a sign-out whose page left: erases what it left, and tells the server. */
  async finish(): Promise<void> {
    const { settings, store, reconciler } = this.#parts;
    const ended = await store
      .withLock(async (storage) => {
        const { record, isEnding } = await storage.read();
        if (!isEnding) return undefined;
        await storage.erase();
        announce(settings); // the page that left may not have got that far
        return { record };
      })
      .catch(() => reconciler.schedule());
    if (!ended) return;
    const { record } = ended;
    const revocation = this.#parts.revoke(record?.tokens, record?.sessionId);
    if (settings.isCookie) await revocation; // until then, the cookie may still bring the session back
  }

  async #start(tokens: TokenSet): Promise<void> {
    const { settings, session, store, records, pending, refresher } = this.#parts;
    const first = records.next(undefined, tokens);
    const { sessionId } = first;
    const startedAt = settings.platform.clock.now();
    const turn = pending.beginStart(sessionId);
    void refresher.detach();
    // Counted from the clock, the later of two sessions is the newer one also for peers that cannot see each other's writes.
    const recordAfter = (revision = 0): SessionRecord => ({
      ...first,
      revision: Math.floor(Math.max(revision, session.state.revision, startedAt)) + turn.turn,
    });
    let record: SessionRecord | undefined;
    try {
      await store.withLock(async (storage) => {
        const found = await storage.read().catch(() => undefined);
        if (!turn.isLatest() || turn.isEnded()) return;
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
      const replaced = turn.isLatest() && !turn.isEnded() ? session.record?.sessionId : sessionId;
      this.#erase(replaced);
    }
    turn.finish(); // before the session is published: a listener may ask for a refresh at once
    if (turn.isEnded()) {
      void this.#parts.revoke(tokens, sessionId);
      throw new SessionError('ERR_NO_SESSION', 'The session was ended while it was being started.');
    }
    this.#tellEnds();
    if (turn.isLatest()) session.dispatch({ type: 'started', record: record ?? recordAfter(), from: 'sign-in' });
    else if (record) this.#erase(sessionId); // the later start has replaced it, and may fail to store that
  }

  async #end(): Promise<void> {
    const { settings, session, store, pending, refresher, reader, work } = this.#parts;
    const own = session.record;
    // All of this is done before the first `await`, because the page may leave in this turn.
    const startingIds = pending.beginEnd();
    const unmark = store.bury([...startingIds, own?.sessionId], true);
    if (own) this.#untold = this.#untold.concat(own.sessionId);
    const inFlight = refresher.detach(); // before the session ends, which detaches the refresh as well
    session.dispatch({ type: 'ended', reason: 'ended' });
    const revoked = new Set<string | undefined>();
    const revokeOnce = (sessionId: string | undefined, tokens: TokenSet | undefined) => {
      if (!revoked.has(tokens?.accessToken)) void this.#parts.revoke(tokens, sessionId);
      revoked.add(tokens?.accessToken);
    };
    revokeOnce(own?.sessionId, own?.tokens);
    void work.track(inFlight.then((tokens) => tokens && revokeOnce(own?.sessionId, tokens)));
    announce(settings); // a peer that sees the marks goes on from here, should the page leave
    let erased = own;
    try {
      await store.withLock(async (storage) => {
        const found = await storage.read().catch(() => undefined);
        const record = found?.record;
        // A sign-out erases what is stored: ours, or what ours has replaced; not the new session of a peer.
        if (found && !record && settings.isCookie) await storage.writePause(undefined).catch(() => undefined);
        if (found && (!record || (own && store.standing(own, record) === 'found'))) return;
        erased = record ?? own;
        await storage.erase();
        const isNewer = record && !isSameTokenSet(record, own) && record.revision >= (own?.revision ?? 0);
        // a session that is being started is revoked by its start
        if (isNewer && !startingIds.includes(record.sessionId)) revokeOnce(record.sessionId, record.tokens);
      });
      unmark();
      announce(settings);
    } catch (error) {
      this.#reportLock('remove', error);
      this.#erase(erased?.sessionId);
      throw error;
    } finally {
      pending.finishEnd();
      this.#tellEnds();
      void reader.read(false);
    }
  }

  #tellEnds(): void {
    const ended = this.#untold;
    this.#untold = NONE;
    for (const sessionId of ended) {
      this.#parts.emit({ type: 'sessionEnded', payload: { reason: 'ended' }, sessionId });
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
