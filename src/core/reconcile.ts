import { isSameSession, isSameTokenSet, type SessionRecord } from './session-record.js';

/** Which record is right: the one that this manager holds, the one that was found in the storage, or none of them. */
export type Standing = 'held' | 'found' | 'neither';

/** What one manager knows that the two records do not tell. */
export interface StorageKnowledge {
  /** The storage has held our session: that it is gone or replaced there means that a peer ended or replaced it. */
  readonly wasStored: boolean;
  /** The session of the record that was found has ended here; the record is a remnant. */
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
  if (isSameSession(found, held)) return found.revision > held.revision ? 'found' : 'held';
  return wasStored || found.revision >= held.revision ? 'found' : 'held';
}

/** A record with the mark `unanswered` of the other, where both hold the same tokens: one of them may know it alone. */
export function withMark(record: SessionRecord, other: SessionRecord | undefined): SessionRecord {
  return other?.unanswered && isSameTokenSet(record, other) ? { ...record, unanswered: true } : record;
}

/** What to write where the held record stands: with the mark and with the longer pause of the same session. */
export function merge(held: SessionRecord, found: SessionRecord | undefined, now: number): SessionRecord {
  const failure = isSameSession(found, held) ? found?.failure : undefined;
  // a pause that a peer was told to make holds for newer tokens as well
  const isLonger = failure && failure.retryAt > Math.max(pauseOf(held), now);
  return withMark(isLonger ? { ...held, failure } : held, found);
}

/** Whether the storage has to be written for the standing record to be in it. */
export function isBehind(found: SessionRecord | undefined, standing: SessionRecord): boolean {
  if (!found || !isSameSession(found, standing) || found.revision < standing.revision) return true;
  return found.revision === standing.revision && pauseOf(found) < pauseOf(standing);
}

function pauseOf({ failure }: SessionRecord): number {
  return failure?.retryAt ?? 0;
}
