import {
  isLater,
  isSameSession,
  isSameTokenSet,
  pauseOf,
  type SessionRecord,
  type StoredFailure,
} from './session-record.js';

/** Which record is right: the one that this manager holds, the one that was found in the storage, or none of them. */
export type Standing = 'held' | 'found' | 'neither';

/** What a manager knows beyond the two records. */
export interface StorageKnowledge {
  /** The held session was in the storage: if it is missing or replaced there now, a peer ended or replaced it. */
  readonly wasStored: boolean;
  /** The session of the found record has ended here, and its record is still to be removed. */
  readonly isBuried: boolean;
}

/** Decides between the record that is held and the one that was found. Stable: once the winner is stored, it stays. */
export function reconcile(
  held: SessionRecord | undefined,
  found: SessionRecord | undefined,
  { wasStored, isBuried }: StorageKnowledge,
): Standing {
  if (!found) return held && !wasStored ? 'held' : 'neither';
  if (isBuried) return held ? 'held' : 'neither';
  if (!held) return 'found';
  if (isSameSession(found, held)) return isLater(found, held) ? 'found' : 'held';
  return wasStored || found.revision >= held.revision ? 'found' : 'held';
}

/** Copies the mark `unanswered` from a record with the same tokens: only one of the two may have been marked. */
export function withMark(record: SessionRecord, other: SessionRecord | undefined): SessionRecord {
  return other?.unanswered && isSameTokenSet(record, other) ? { ...record, unanswered: true } : record;
}

/** Whether a pause is over: its time has come, or the clock was set back far. */
type IsOver = (pause: StoredFailure) => boolean;

/** Whether one pause counts rather than another: one that lasts, before all one that the server named, or else the longer one. */
function outweighs(pause: StoredFailure | undefined, other: StoredFailure | undefined, isOver: IsOver): boolean {
  const rank = (one: typeof pause) => (!one || isOver(one) ? 0 : 1 + Number(one.named));
  return (rank(pause) - rank(other) || (pause?.retryAt ?? 0) - (other?.retryAt ?? 0)) > 0;
}

/** What to write where the held record stands: with the mark, and with the pause of the same session that counts. */
export function merge(held: SessionRecord, found: SessionRecord | undefined, isOver: IsOver): SessionRecord {
  const failure = isSameSession(found, held) ? found?.failure : undefined;
  // A `Retry-After` that a peer received applies to newer tokens of the session as well.
  const isNews = failure && !isOver(failure) && outweighs(failure, held.failure, isOver);
  return withMark(isNews ? { ...held, failure } : held, found);
}

/**
 * Two may have been told to wait at the same time, or one while the other was served: the longer pause holds.
 *
 * `isNews`: the server has just named that of the held record, so that it goes before one that nobody has named.
 */
export function withLongerPause(later: SessionRecord, held: SessionRecord, isNews = false): SessionRecord {
  const { failure } = held;
  const isLonger = failure?.named && (failure.retryAt > pauseOf(later) || (isNews && !later.failure?.named));
  return isLonger ? { ...later, failure } : later;
}

/** Whether the storage has to be written for the standing record to be in it. */
export function isBehind(found: SessionRecord | undefined, standing: SessionRecord, isOver: IsOver): boolean {
  if (!found || !isSameSession(found, standing) || isLater(standing, found)) return true;
  return found.revision === standing.revision && outweighs(standing.failure, found.failure, isOver);
}
