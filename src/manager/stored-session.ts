import { decodeRecord, encodeRecord } from '../core/codec.js';
import type { SessionRecord } from '../core/session-record.js';
import { type AnyTokenError, isTokenError, StorageError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { TokenStorage } from '../ports/storage.js';
import { withDeadline } from './deadline.js';
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

/** One session in one storage: every call is bounded, every failure a typed error and reported. */
export interface StoredSession {
  read(report: ReportFault): Promise<Found>;
  write(record: SessionRecord, fence: number | undefined, report: ReportFault): Promise<void>;
  erase(fence: number | undefined, report: ReportFault): Promise<void>;
  /** Whether the storage is known to have held this session. */
  hasSeen(record: SessionRecord): boolean;
}

/** How long one call to the storage may take. */
export const STORAGE_LIMIT_MS = 5_000;

/** `onLateWrite`: a write that had timed out was carried out after all, perhaps over a newer one. */
export function createStoredSession(
  storage: TokenStorage,
  name: string,
  clock: Clock,
  onLateWrite: () => void,
): StoredSession {
  const seen = new Set<string>();
  let told: unknown;

  async function bounded<T>(
    operation: Parameters<ReportFault>[0],
    report: ReportFault,
    work: () => T | PromiseLike<T>,
  ): Promise<T> {
    const isRead = operation === 'read';
    try {
      return await withDeadline(clock, STORAGE_LIMIT_MS, work, () => undefined, isRead ? undefined : onLateWrite);
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

  return {
    hasSeen: ({ sessionId }) => seen.has(sessionId),
    read: async (report) => {
      const once = (fact: unknown, error: StorageError) => {
        if (told !== fact) report('read', error);
        told = fact;
        return error;
      };
      // a storage that finds its whole content damaged says so itself
      const isDamage = ({ code }: AnyTokenError) => code === 'ERR_STORAGE_CORRUPT';
      const relay: ReportFault = (operation, error) => isDamage(error) || report(operation, error);
      let text: string | null;
      try {
        text = await bounded('read', relay, () => storage.getItem(name));
      } catch (error) {
        if (!isDamage(error as AnyTokenError)) throw error;
        return { record: undefined, damage: once((error as StorageError).message, error as StorageError) };
      }
      if (storage.fault) once(storage.fault, storage.fault);
      if (typeof text !== 'string') return { record: undefined };
      const { kind, record } = decodeRecord(text);
      if (record) {
        seen.add(record.sessionId);
        return { record };
      }
      const isNewer = kind === 'newer';
      const what = isNewer ? 'a newer version wrote it' : 'it is damaged or foreign';
      const message = `Expected a session of ours under '${name}', but ${what}; it is left alone until the next startSession().`;
      return { record, isNewer, damage: once(text, new StorageError('ERR_STORAGE_CORRUPT', message)) };
    },
    write: async (record, fence, report) => {
      await bounded('write', report, () => storage.setItem(name, encodeRecord(record), fenced(fence)));
      seen.add(record.sessionId);
    },
    erase: async (fence, report) => {
      await bounded('remove', report, () => storage.removeItem(name, fenced(fence)));
    },
  };
}

function fenced(fence: number | undefined): { fence: number } | undefined {
  return fence === undefined ? fence : { fence };
}
