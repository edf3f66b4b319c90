import { type Decoded, decodePause, decodeRecord, encodeRecord } from '../core/codec.js';
import { addMarks, isMarked, markFor, removeMarks } from '../core/ended-marks.js';
import { orNone } from '../core/or-none.js';
import { reconcile, type Standing, withMark } from '../core/reconcile.js';
import { isSameSession, type SessionRecord, type StoredFailure } from '../core/session-record.js';
import { type AnyTokenError, isTokenError, StorageError } from '../errors.js';
import { withDeadline } from './deadline.js';
import { holdLock, lockLost, STORAGE_LIMIT_MS } from './hold-lock.js';
import { marksOf } from './marks-of.js';
import type { Settings } from './options.js';
import { safeCause } from './safe-cause.js';
import type { SessionStore } from './session-store.js';

type Operation = 'read' | 'write' | 'remove';
type Report = (operation: Operation, error: AnyTokenError) => void;

/** Is told of faults of the storage, and of what it does after its time was up. */
export interface StorageObserver {
  storageFailed(operation: Operation, error: AnyTokenError): void;
  /** A write or a removal that had timed out was carried out after all, perhaps over a newer record. */
  storedLate(): void;
}

/** The parts that the storage of records needs. */
export interface StoreParts extends StorageObserver {
  readonly settings: Settings;
  readonly session: SessionStore;
}

/** What the storage holds: a record, nothing, or something that cannot be read as one. */
export interface Found {
  readonly record: SessionRecord | undefined;
  /** The stored string is damaged or foreign. */
  readonly damage?: StorageError;
  /** The stored string is of another client or of a newer version: a running session must not overwrite it. */
  readonly isForeign?: boolean;
  /** Another page is signing out, or left while it did; the record, if there is one, is what it has yet to erase. */
  readonly isEnding?: boolean;
}

/** The storage while the lock is held: the only way to write. Every method throws `StorageError`. */
export interface LockedStorage {
  /** No other holder is in the lock as long as it is not lost. */
  readonly isExclusive: boolean;
  isLost(): boolean;
  read(): Promise<Found>;
  write(record: SessionRecord): Promise<void>;
  erase(): Promise<void>;
  /** What `erase()` does beside removing the record. */
  forget(): Promise<void>;
  /** The pause that a server has named before there was a session; stored under a key of its own, as there is no record. */
  readPause(): Promise<StoredFailure | undefined>;
  writePause(pause: StoredFailure | undefined): Promise<void>;
}

/** Sessions that were ended for good, and their marks for other pages. */
export interface Burial {
  /** Takes the marks back, once nothing of the sessions is left. */
  unmark(): void;
  /** Whether this record came later: the marks were taken back by then, as nothing was left of what they were about. */
  isBefore(record: SessionRecord): boolean;
}

/** The record in the storage: reading is open, writing needs the lock. */
export class RecordStore {
  readonly #parts: StoreParts;
  /** The sessions that the storage is known to have held. */
  #storedIds: readonly string[] = orNone();
  /** The sessions that ended here for good: a record of one of them has to go. */
  #tombstones: Set<string> | undefined;
  /** The fault of the storage that was reported last; each is reported once. */
  #reported: unknown;
  /** How often the lock was granted: what has it to itself has lost it when it is granted again. */
  #grants = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Reads the record without the lock; throws `StorageError`. */
  read(): Promise<Found> {
    return this.#read((operation, error) => this.#parts.storageFailed(operation, error));
  }

  /**
   * Runs a task that may write. Settles after the lock was released; throws `LockError`, or what the task throws.
   *
   * Faults of the storage are reported after the release, because listeners never run under the lock.
   */
  async withLock<T>(task: (storage: LockedStorage) => Promise<T>): Promise<T> {
    const { platform, name, isCookie } = this.#parts.settings;
    const { storage } = platform;
    const pauseName = `${name}:pause`;
    const faults: Parameters<Report>[] = [];
    const report: Report = (...fault) => faults.push(fault);
    try {
      return await holdLock(this.#parts.settings, (lease) => {
        const grant = ++this.#grants;
        const isExclusive = lease.exclusive !== false;
        // A page that was frozen may be granted the lock anew before it hears that it has lost it.
        const isLost = () => lease.signal.aborted || (isExclusive && grant < this.#grants);
        const fenced = () => (lease.fence === undefined ? undefined : { fence: lease.fence });
        const change = (operation: Operation, work: () => unknown, late?: () => void) => {
          if (isLost()) throw lockLost();
          return this.#bounded(operation, report, work, late);
        };
        const writePause = async (pause: StoredFailure | undefined): Promise<void> => {
          if (pause) await change('write', () => storage.setItem(pauseName, JSON.stringify(pause), fenced()));
          else await change('remove', () => storage.removeItem(pauseName, fenced()));
        };
        const forget = async (): Promise<void> => {
          if (isCookie) await writePause(undefined);
          this.#setMarks(() => null); // nothing is left of what they were about
        };
        return task({
          isExclusive,
          isLost,
          read: () => this.#read(report),
          write: async (record) => {
            // A write that timed out may have been seen by peers: that the record is gone means that one of them ended it.
            const late = () => this.#markStored(record);
            await change('write', () => storage.setItem(name, encodeRecord(record), fenced()), late);
            // A session that gets here for the first time overwrites whatever was signed out of before.
            if (!this.wasStored(record)) this.#setMarks(() => null);
            this.#markStored(record);
          },
          erase: async () => {
            await change('remove', () => storage.removeItem(name, fenced()));
            await forget();
          },
          forget,
          readPause: async () =>
            decodePause(await this.#bounded<unknown>('read', report, () => storage.getItem(pauseName))),
          writePause,
        });
      });
    } finally {
      for (const fault of faults) this.#parts.storageFailed(...fault);
    }
  }

  /** Whether the storage is known to have held this session. */
  wasStored(record: SessionRecord | undefined): boolean {
    return record !== undefined && this.#storedIds.includes(record.sessionId);
  }

  /**
   * Ends sessions for good, in this very turn: from now on a record of one of them has to be erased, also if a peer wrote it.
   *
   * A sign-out ends them for other pages as well, also where it does not know the one that is stored (undefined). What a
   * server has refused is not marked so: a peer may have newer tokens.
   */
  bury(sessionIds: readonly (string | undefined)[], isSignOut = false): Burial {
    const now = this.#parts.settings.platform.clock.now();
    for (const id of sessionIds) if (id !== undefined) this.#tombstones = (this.#tombstones ?? new Set()).add(id);
    const marked = isSignOut ? sessionIds.map((id) => markFor(id, now)) : [];
    if (isSignOut) this.#setMarks((marks) => addMarks(marks, marked));
    const isKept = () => removeMarks(this.#getMarks(), marked) !== this.#getMarks();
    const wasKept = isKept();
    return {
      unmark: () => this.#setMarks((marks) => removeMarks(marks, marked)),
      isBefore: (record) => wasKept && !isKept() && !isMarked(marked.join(' '), record),
    };
  }

  /** Whether the session of a record was signed out of: here, or by a page that left in the meantime. */
  isBuried(record: SessionRecord): boolean {
    return this.#hasTombstone(record) || isMarked(this.#getMarks(), record);
  }

  /** Which record is right, as far as this manager knows; `wasStored`: as far as it was known when the storage was asked. */
  standing(held: SessionRecord | undefined, found: SessionRecord | undefined, wasStored = true): Standing {
    const isBuried = found !== undefined && this.#hasTombstone(found);
    const standing = reconcile(held, found, { wasStored: wasStored && this.wasStored(held), isBuried });
    // Another page is signing out of the session that was found: the held one, or one that replaced it, so that it is over as well.
    const endsOurs = standing === 'found' || (!isBuried && isSameSession(held, found));
    return endsOurs && found && isMarked(this.#getMarks(), found) ? 'neither' : standing;
  }

  #hasTombstone({ sessionId }: SessionRecord): boolean {
    return this.#tombstones?.has(sessionId) === true;
  }

  async #read(report: Report): Promise<Found> {
    const { platform, name, owner, isHidden } = this.#parts.settings;
    const { storage } = platform;
    let text: unknown;
    try {
      text = await this.#bounded<unknown>('read', report, () => storage.getItem(name));
    } catch (error) {
      // A storage that finds its whole content damaged says so itself.
      if (!isDamage(error)) throw error;
      return { record: undefined, damage: this.#reportOnce(report, error.message, error) };
    }
    if (isTokenError(storage.fault)) this.#reportOnce(report, storage.fault, storage.fault);
    if (text === null || text === undefined) return { record: undefined, isEnding: this.#getMarks() !== null };
    if (typeof text !== 'string') {
      const message = `Expected a string or null under '${name}', but a value of type ${typeof text} came; the storage must not parse it.`;
      const parsed = new StorageError('ERR_STORAGE_READ', message);
      report('read', parsed);
      throw parsed;
    }
    const decoded = decodeRecord(text, owner, isHidden);
    if (decoded.kind === 'record') {
      const { record } = decoded;
      this.#markStored(record);
      return {
        record: withMark(record, this.#parts.session.record),
        isEnding: isMarked(this.#getMarks(), record) && !this.#hasTombstone(record),
      };
    }
    // The other owner changes its record with every refresh, and is reported once all the same.
    const fault = decoded.kind === 'foreign' ? decoded.owner : text;
    const damage = new StorageError('ERR_STORAGE_CORRUPT', describe(decoded, name, owner));
    return {
      record: undefined,
      isForeign: decoded.kind !== 'damaged',
      damage: this.#reportOnce(report, fault, damage),
    };
  }

  #getMarks(): string | null {
    return marksOf(this.#parts.settings);
  }

  #setMarks(change: (marks: string | null) => string | null): void {
    const { platform, name } = this.#parts.settings;
    const before = this.#getMarks();
    const marks = change(before);
    if (marks !== before) platform.marks?.set(`${name}:ended`, marks);
  }

  #markStored({ sessionId }: SessionRecord): void {
    if (!this.#storedIds.includes(sessionId)) this.#storedIds = this.#storedIds.concat(sessionId);
  }

  #reportOnce(report: Report, fault: unknown, error: StorageError): StorageError {
    if (this.#reported !== fault) report('read', error);
    this.#reported = fault;
    return error;
  }

  async #bounded<T>(
    operation: Operation,
    report: Report,
    work: () => T | PromiseLike<T>,
    carriedOut?: () => void,
  ): Promise<T> {
    const { platform, name } = this.#parts.settings;
    const isRead = operation === 'read';
    const late = () => {
      // A removal that timed out has happened: an empty storage no longer proves that a peer ended the session.
      if (operation === 'remove') this.#storedIds = orNone();
      carriedOut?.();
      if (!isRead) this.#parts.storedLate();
    };
    try {
      return await withDeadline(platform.clock, STORAGE_LIMIT_MS, work, () => undefined, late);
    } catch (error) {
      const fault = isTokenError(error)
        ? error
        : new StorageError(
            isRead ? 'ERR_STORAGE_READ' : 'ERR_STORAGE_WRITE',
            `Expected the storage to ${operation} '${name}' within ${STORAGE_LIMIT_MS} ms, but it ${error ? 'failed' : 'did not answer'}; nothing is lost, try again.`,
            { cause: error && safeCause(error, []) },
          );
      if (!isRead || !isDamage(fault)) report(operation, fault);
      throw fault;
    }
  }
}

/** Says what is stored under the key instead of a session of this client, and what to do; nothing of its content. */
function describe(decoded: Exclude<Decoded, { kind: 'record' }>, name: string, owner = 'an unnamed client'): string {
  const [own, what, advice] =
    decoded.kind === 'foreign'
      ? [owner, `it belongs to ${decoded.owner}`, '; give each client a key of its own']
      : ['ours', decoded.kind === 'newer' ? 'a newer version wrote it' : 'it is damaged or foreign', ''];
  return `Expected a session of ${own} under '${name}', but ${what}; it is left alone until the next startSession()${advice}.`;
}

function isDamage(error: unknown): error is StorageError {
  return isTokenError(error) && error.code === 'ERR_STORAGE_CORRUPT';
}

/** Whether the storage has said of itself that it is dead, by this error of a read. */
export function isDeath({ platform }: Settings, error: unknown): boolean {
  return error === platform.storage.fault;
}
