import { isSameSession } from '../core/session-record.js';
import type { AnyTokenError } from '../errors.js';
import { unavailable } from './attempt-outcome.js';
import { STORAGE_LIMIT_MS } from './hold-lock.js';
import type { Settings } from './options.js';
import { isPauseOver } from './pause.js';
import type { PendingCommands } from './pending-commands.js';
import type { PendingWork } from './pending-work.js';
import type { Reconciler } from './reconciler.js';
import { isDeath, type RecordStore } from './record-store.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import { Waiters } from './waiters.js';

/** The parts that reading needs. */
export interface ReaderParts {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly store: RecordStore;
  readonly pending: PendingCommands;
  readonly refresher: Refresher;
  readonly reconciler: Reconciler;
  readonly work: PendingWork;
  /** Finishes a sign-out whose page left; resolves when the server may be asked again. */
  finishSignOut(): Promise<void>;
}

/** How long the storage is not read again after it was found empty. */
const BELIEVED_MS = 1_000;

/** Brings the session up to date with the storage: at first use, after a wake-up, and when a peer announces a change. */
export class StorageReader {
  readonly #parts: ReaderParts;
  #reading: Promise<void> | undefined;
  #readAt = 0;
  /** Counts the reads; the latest one is under way, or was. */
  #turns = 0;
  #isRequestedAgain = false;
  #isBlocking = false;
  /** When the storage was asked in the last read that is over. */
  #seenAt = Number.NEGATIVE_INFINITY;
  #callers: Waiters<void> | undefined;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** While blocking, callers wait: the session may not exist, or may have ended elsewhere. */
  get isBlocking(): boolean {
    return this.#isBlocking;
  }

  get isReading(): boolean {
    return this.#reading !== undefined && !this.#isDead;
  }

  /** There is no session, and the storage was read too long ago to rely on that. */
  get isOutdated(): boolean {
    const agoMs = this.#parts.settings.platform.clock.now() - this.#seenAt;
    return this.#parts.session.state.status === 'none' && !(agoMs >= 0 && agoMs < BELIEVED_MS);
  }

  /** Single-flight; reads again if asked meanwhile, and never rejects. `isBlocking` holds callers back until it is over. */
  read(isBlocking: boolean): Promise<void> {
    this.#isBlocking ||= isBlocking;
    if (this.#reading && !this.#isDead) this.#isRequestedAgain = true;
    else this.#reading = this.#parts.work.track(this.#readUntilDone(++this.#turns));
    return this.#reading;
  }

  /** Waits for the read under way. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isDead) void this.read(true);
    return this.#waiters().wait(signal);
  }

  /** Refuses the callers who wait, and those who will. */
  refuse(error: unknown): void {
    this.#waiters().close(error);
  }

  /** By the clock, also where that was set back far; a read that is dead is left to itself. */
  get #isDead(): boolean {
    return Math.abs(this.#parts.settings.platform.clock.now() - this.#readAt) > 2 * STORAGE_LIMIT_MS;
  }

  #waiters(): Waiters<void> {
    const overdue = { waitersOverdue: () => void this.read(true) };
    this.#callers ??= new Waiters(this.#parts.settings.platform.clock, 2 * STORAGE_LIMIT_MS + 1, overdue);
    return this.#callers;
  }

  async #readUntilDone(turn: number): Promise<void> {
    do {
      this.#isRequestedAgain = false;
      this.#readAt = this.#parts.settings.platform.clock.now();
      await this.#readOnce();
      if (turn !== this.#turns) return;
    } while (this.#isRequestedAgain);
    // In the same turn as the check: a request from now on starts another read.
    this.#reading = undefined;
    this.#isBlocking = false;
    this.#seenAt = this.#readAt; // when it was asked: a page may have been frozen since
    this.#callers?.resolve();
  }

  async #readOnce(): Promise<void> {
    const { settings, session, store, pending, refresher } = this.#parts;
    const { clock } = settings.platform;
    const { ends } = pending;
    const before = session.record;
    const wasStored = store.wasStored(before); // before the storage is asked
    try {
      const { record: stored, damage, isEnding } = await store.read();
      const held = session.record;
      // A repair may have been cut off, or have found another client's record.
      if (held && !store.wasStored(held)) this.#parts.reconciler.schedule();
      const isRemnant = stored !== undefined && store.isBuried(stored);
      const record = isRemnant ? undefined : stored;
      // While a session is being started or ended here, only one fact of the storage counts: the held session was ended elsewhere.
      const isGone = held && !stored && !damage;
      const isBusy = pending.isErasing || ends !== pending.ends || (pending.isStarting && !isGone);
      if (isBusy) return;
      const endsOurs = isEnding === true && (!held || store.standing(held, stored) === 'neither');
      if (endsOurs) {
        const finished = this.#parts.finishSignOut();
        if (settings.isCookie && !held) await finished; // until then, the cookie may still bring the session back
      }
      if (isRemnant && held && !endsOurs) return; // the held session stays, and the reconciler erases the buried record
      if (ends !== pending.ends) return;
      if (!isSameSession(before, session.record)) this.#isRequestedAgain = true;
      else if (
        record ||
        (damage && !settings.isGrant) ||
        settings.needsRefreshToken ||
        session.state.status !== 'loading'
      ) {
        const isKnown = endsOurs || (wasStored && store.wasStored(before));
        session.dispatch({ type: 'found', record, error: damage, wasStored: isKnown });
      } else if (isPauseOver(settings, session.failing)) refresher.start('resume');
    } catch (error) {
      // A pause that the server named outlives a storage that cannot be read.
      if (session.state.status !== 'loading' || !isPauseOver(settings, session.failing)) return;
      // The server knows whom the cookie belongs to, and a dead storage never will.
      if (settings.isCookie && isDeath(settings, error)) return refresher.start('resume');
      const failing = unavailable(error as AnyTokenError, clock.now());
      session.dispatch({ type: 'failed', base: undefined, record: undefined, failing, again: false });
    }
  }
}
