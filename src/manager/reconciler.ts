import { backoffDelay } from '../core/backoff.js';
import { isBehind, merge } from '../core/reconcile.js';
import type { StoredFailure } from '../core/session-record.js';
import { announce } from './announce.js';
import { isAlive, STORAGE_LIMIT_MS } from './hold-lock.js';
import type { Settings } from './options.js';
import { isPauseOver } from './pause.js';
import type { PendingWork } from './pending-work.js';
import type { RecordStore } from './record-store.js';
import type { SessionStore } from './session-store.js';

/** The parts that repairs need. */
export interface ReconcilerParts {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly store: RecordStore;
  readonly work: PendingWork;
  /** What is stored is newer than what is held here. */
  foundNewer(): void;
}

/** Brings the storage in line with the session after a write or an erasure failed; goes on until it succeeds. */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  #cancel: (() => void) | undefined;
  #plannedAt = 0;
  #dueAt = 0;
  #failures = 0;
  #isDisposed = false;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** Plans a repair, unless one is planned. */
  schedule(): void {
    const { settings } = this.#parts;
    const { retry, platform } = settings;
    const now = platform.clock.now();
    const isComing = isAlive(settings, this.#plannedAt) && now <= this.#dueAt + STORAGE_LIMIT_MS;
    if (this.#isDisposed || (this.#cancel && isComing)) return;
    this.#cancel?.(); // its timer was cut off, or waits for longer than anybody should
    const delayMs = backoffDelay(++this.#failures, retry, platform.random());
    this.#plannedAt = now;
    this.#dueAt = now + delayMs;
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    // `settled()` waits for the first repair, by which a passing fault is over, and for no later one: the storage may be broken for good.
    if (this.#failures === 1) void this.#parts.work.track(begun);
    const cancel = platform.clock.after(delayMs, () => {
      this.#cancel = undefined; // what fails from now on needs another repair
      this.#parts.work.track(this.#reconcile()).then(
        (hasChanged) => {
          this.#failures = 0;
          if (hasChanged) announce(this.#parts.settings);
        },
        () => this.schedule(),
      );
      begin();
    });
    this.#cancel = () => {
      cancel();
      begin();
    };
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#cancel?.();
  }

  #reconcile(): Promise<boolean> {
    return this.#parts.store.withLock(async (storage) => {
      const { record: found, isForeign } = await storage.read();
      const held = this.#parts.session.record;
      const standing = this.#parts.store.standing(held, found);
      if (standing === 'neither' && found) {
        await storage.erase();
        return true;
      }
      if (standing === 'found') this.#parts.foundNewer();
      if (standing !== 'held' || !held || isForeign) return false;
      const isOver = (pause: StoredFailure) => isPauseOver(this.#parts.settings, pause);
      const record = merge(held, found, isOver);
      if (!isBehind(found, record, isOver)) return false;
      await storage.write(record);
      return true;
    });
  }
}
