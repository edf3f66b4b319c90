import { decodeRecord, encodeRecord } from '../core/codec.js';
import { recordOf } from '../core/session.js';
import { isReplaced, isSameSession, isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import { type AnyTokenError, isTokenError, StorageError } from '../errors.js';
import { withDeadline } from './deadline.js';
import type { Engine } from './engine.js';
import { safeCause } from './safe-cause.js';

/** What the storage holds: a record, nothing, or something that is not ours to read. */
export interface Found {
  readonly record: SessionRecord | undefined;
  /** The stored string is damaged or foreign. */
  readonly damage?: StorageError;
  /** The stored string comes from a newer version: a running session must not overwrite it. */
  readonly isNewer?: boolean;
}

/** Hears of every failure of the storage, once. */
export type ReportFault = (operation: 'read' | 'write' | 'remove', error: AnyTokenError) => void;

/** How long one call to the storage may take. */
export const STORAGE_LIMIT_MS = 5_000;

/** Whether the storage is known to have held this session. */
export function hasSeen({ seen }: Engine, { sessionId }: SessionRecord): boolean {
  return seen?.has(sessionId) === true;
}

/** Whether a stored record is of a session that has ended here, or that ours, which the storage never took, has replaced. */
export function isPast(engine: Engine, found: SessionRecord, held: SessionRecord): boolean {
  if (isSameSession(found, held)) return false;
  return engine.ended?.has(found.sessionId) || isReplaced(found, held, hasSeen(engine, held));
}

/** Reads the record; throws `StorageError`. */
export async function readRecord(engine: Engine, report: ReportFault): Promise<Found> {
  const { platform, name } = engine.settings;
  const once = (fact: unknown, error: StorageError) => {
    if (engine.told !== fact) report('read', error);
    engine.told = fact;
    return error;
  };
  // a storage that finds its whole content damaged says so itself
  const isDamage = ({ code }: AnyTokenError) => code === 'ERR_STORAGE_CORRUPT';
  const relay: ReportFault = (operation, error) => isDamage(error) || report(operation, error);
  let text: unknown;
  try {
    text = await bounded(engine, 'read', relay, () => platform.storage.getItem(name));
  } catch (error) {
    if (!isDamage(error as AnyTokenError)) throw error;
    return { record: undefined, damage: once((error as StorageError).message, error as StorageError) };
  }
  const { fault } = platform.storage;
  if (isTokenError(fault)) once(fault, fault);
  if (text === null || text === undefined) return { record: undefined };
  if (typeof text !== 'string') {
    const message = `Expected a string or null under '${name}', but a value of type ${typeof text} came; the storage must not parse it.`;
    const parsed = new StorageError('ERR_STORAGE_READ', message);
    report('read', parsed);
    throw parsed;
  }
  const { kind, record } = decodeRecord(text);
  if (record) {
    see(engine, record);
    return { record: withMark(record, recordOf(engine.state)) };
  }
  const isNewer = kind === 'newer';
  const what = isNewer ? 'a newer version wrote it' : 'it is damaged or foreign';
  const message = `Expected a session of ours under '${name}', but ${what}; it is left alone until the next startSession().`;
  return { record, isNewer, damage: once(text, new StorageError('ERR_STORAGE_CORRUPT', message)) };
}

/** One record with the other's mark: that no answer came to their refresh token may be known to one of them alone. */
export function withMark(record: SessionRecord, other: SessionRecord | undefined): SessionRecord {
  return other?.unanswered && isSameTokenSet(record, other) ? { ...record, unanswered: true } : record;
}

/** Stores the record as a whole; throws `StorageError`. Needs the lock: only a `Slot` calls it. */
export async function writeRecord(
  engine: Engine,
  record: SessionRecord,
  fence: number | undefined,
  report: ReportFault,
): Promise<void> {
  const { platform, name } = engine.settings;
  await bounded(engine, 'write', report, () => platform.storage.setItem(name, encodeRecord(record), fenced(fence)));
  see(engine, record);
}

/** Removes the record; throws `StorageError`. Needs the lock: only a `Slot` calls it. */
export async function eraseRecord(engine: Engine, fence: number | undefined, report: ReportFault): Promise<void> {
  const { platform, name } = engine.settings;
  await bounded(engine, 'remove', report, () => platform.storage.removeItem(name, fenced(fence)));
}

function see(engine: Engine, { sessionId }: SessionRecord): void {
  engine.seen ??= new Set();
  engine.seen.add(sessionId);
}

async function bounded<T>(
  engine: Engine,
  operation: 'read' | 'write' | 'remove',
  report: ReportFault,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  const { platform, name } = engine.settings;
  const isRead = operation === 'read';
  const late = () => {
    if (operation === 'remove') engine.seen = undefined; // that what was there is gone proves nothing
    if (!isRead) engine.reactions.wroteLate(engine);
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
    report(operation, fault);
    throw fault;
  }
}

function fenced(fence: number | undefined): { fence: number } | undefined {
  return fence === undefined ? fence : { fence };
}
