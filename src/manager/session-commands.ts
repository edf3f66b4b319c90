import type { TokenEvent } from '../core/session-events.js';
import type { SessionRecord } from '../core/session-record.js';
import { readTokenResponse, type TokenResponse, type TokenSet } from '../core/token-set.js';
import { LockError, OptionsError, SessionError } from '../errors.js';
import { announce } from './announce.js';
import type { Settings } from './options.js';
import type { PendingCommands } from './pending-commands.js';
import type { Reconciler } from './reconciler.js';
import type { RecordFactory } from './record-factory.js';
import type { RecordStore, StorageObserver } from './record-store.js';
import type { Refresher } from './refresher.js';
import { revoke } from './revoke.js';
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
  emit(event: TokenEvent): void;
}

/** Sign-in and sign-out: writes like any other, under the lock. */
export class SessionCommands {
  readonly #parts: CommandParts;
  #ending: Promise<void> | undefined;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  async start(response: TokenResponse): Promise<void> {
    const now = this.#parts.settings.platform.clock.now();
    const { tokens, problem } = { tokens: undefined, ...readTokenResponse(response, now, now) };
    if (!tokens) {
      const expected = 'Expected startSession() to be given a token response (RFC 6749 section 5.1)';
      throw new OptionsError('ERR_OPTIONS', `${expected}, but ${problem} came; check the answer to the sign-in.`);
    }
    try {
      await this.#start(tokens);
    } finally {
      void this.#parts.reader.read(false); // a read during the start was of no use
    }
  }

  /** Ends the session: here at once, then in the storage, under the lock; then tells the server. */
  end(): Promise<void> {
    const { session, pending } = this.#parts;
    if (session.state.status === 'none' && !pending.isStarting) return this.#ending ?? Promise.resolve();
    const ending = this.#end().finally(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
    return ending;
  }

  async #start(tokens: TokenSet): Promise<void> {
    const { settings, session, store, records, pending, refresher } = this.#parts;
    const ids = { sessionId: records.newId(), attemptId: records.newId() };
    const startedAt = settings.platform.clock.now();
    const turn = pending.beginStart(ids.sessionId);
    void refresher.detach();
    // Counted from the clock, the later of two sessions is the newer one also for peers that cannot see each other's writes.
    const recordAfter = (revision = 0): SessionRecord => ({
      ...ids,
      revision: Math.floor(Math.max(revision, session.state.revision, startedAt)) + turn.turn,
      tokens,
      unanswered: false,
      failure: undefined,
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
      // The session lives in memory, and storing it is tried again; what it replaced may still be stored.
      this.#reportLock('write', error);
      if (error instanceof LockError) record = undefined; // its revision has to follow what others stored meanwhile
      const replaced = turn.isLatest() && !turn.isEnded() ? session.record?.sessionId : ids.sessionId;
      this.#erase(replaced);
    }
    turn.finish(); // before the session is published: a listener may ask for a refresh at once
    if (turn.isEnded()) throw new SessionError('ERR_NO_SESSION', 'The session was ended while it was being started.');
    if (turn.isLatest()) session.dispatch({ type: 'started', record: record ?? recordAfter(), from: 'sign-in' });
    else if (record) this.#erase(ids.sessionId); // the later start has replaced it, and may fail to store that
  }

  async #end(): Promise<void> {
    const { settings, session, store, pending, refresher, reader } = this.#parts;
    const own = session.record;
    if (own) store.bury(own.sessionId);
    for (const id of pending.beginEnd()) store.bury(id);
    const inFlight = refresher.detach(); // before the session ends, which detaches the refresh as well
    session.dispatch({ type: 'ended', reason: 'ended' });
    let newest = own;
    let erased = own;
    let failure: unknown;
    try {
      await store.withLock(async (storage) => {
        const found = await storage.read().catch(() => undefined);
        const record = found?.record;
        // A sign-out erases what is stored: ours, or what ours has replaced; not the new session of a peer.
        if (found && (!record || (own && store.standing(own, record) === 'found'))) return;
        erased = record ?? own;
        if (record && record.revision >= (own?.revision ?? 0)) newest = record;
        await storage.erase();
      });
      announce(settings);
    } catch (error) {
      this.#reportLock('remove', error);
      this.#erase(erased?.sessionId);
      failure = error;
    } finally {
      pending.finishEnd();
      void reader.read(false);
    }
    const error = await revoke(settings, (await inFlight) ?? newest?.tokens);
    if (error) this.#parts.emit({ type: 'revokeFailed', payload: { error }, sessionId: newest?.sessionId });
    if (failure !== undefined) throw failure;
  }

  /** The record of this session has to go from the storage, where there is one. */
  #erase(sessionId: string | undefined): void {
    if (sessionId !== undefined) this.#parts.store.bury(sessionId);
    this.#parts.reconciler.schedule();
  }

  /** The storage's own failures were reported where they happened. */
  #reportLock(operation: 'write' | 'remove', error: unknown): void {
    if (error instanceof LockError) this.#parts.storageFailed(operation, error);
  }
}
