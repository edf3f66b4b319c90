import { isLater, isSameSession, isSameTokenSet, pauseOf, type SessionRecord } from './session-record.js';

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

/** What to write where the held record stands: with the mark and with the longer pause of the same session. */
export function merge(held: SessionRecord, found: SessionRecord | undefined, now: number): SessionRecord {
  const failure = isSameSession(found, held) ? found?.failure : undefined;
  // A `Retry-After` that a peer received applies to newer tokens of the session as well.
  const isLonger = failure && failure.retryAt > Math.max(pauseOf(held), now);
  return withMark(isLonger ? { ...held, failure } : held, found);
}

/** Two may have been told to wait at the same time, or one while the other was served: the longer pause holds. */
export function withLongerPause(later: SessionRecord, held: SessionRecord): SessionRecord {
  const { failure } = held;
  const isLonger = failure?.named && failure.retryAt > pauseOf(later);
  return isLonger ? { ...later, failure } : later;
}

/** Whether the storage has to be written for the standing record to be in it. */
export function isBehind(found: SessionRecord | undefined, standing: SessionRecord): boolean {
  if (!found || !isSameSession(found, standing) || isLater(standing, found)) return true;
  return found.revision === standing.revision && pauseOf(found) < pauseOf(standing);
}
