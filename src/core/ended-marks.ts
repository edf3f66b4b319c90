import type { SessionRecord } from './session-record.js';

/** The most entries that are kept; the oldest is dropped first. More than the sign-outs that run at the same time. */
const KEPT = 20;
const BEFORE = '<';
/** A revision starts at the time of the sign-in and grows by one per refresh, so it may be slightly ahead of the clock. */
const AHEAD_MS = 1_000;

/**
 * Marks of sessions that were signed out of: names of sessions, separated by spaces, without any secret.
 *
 * `<` and a revision mark every session with an older revision, for a sign-out that did not know the session's name.
 */
export function addMarks(marks: string | null, entries: readonly string[]): string {
  return entriesOf(marks)
    .filter((entry) => !entries.includes(entry))
    .concat(entries)
    .slice(-KEPT)
    .join(' ');
}

/** Null where no mark is left. */
export function removeMarks(marks: string | null, entries: readonly string[]): string | null {
  return (
    entriesOf(marks)
      .filter((entry) => !entries.includes(entry))
      .join(' ') || null
  );
}

/** The mark of a session, or, without a name, of all sessions that were stored before `now`. */
export function markFor(sessionId: string | undefined, now: number): string {
  return sessionId ?? `${BEFORE}${now + AHEAD_MS}`;
}

/** Whether the session of this record was signed out of. */
export function isMarked(marks: string | null, { sessionId, revision }: SessionRecord): boolean {
  return entriesOf(marks).some(
    (entry) => entry === sessionId || (entry.startsWith(BEFORE) && revision < Number(entry.slice(1))),
  );
}

/** The oldest revision that no mark without a name is about; 0 where there is none. */
export function unmarkedFrom(marks: string | null): number {
  const unnamed = entriesOf(marks).filter((entry) => entry.startsWith(BEFORE));
  return Math.max(0, ...unnamed.map((entry) => Math.ceil(Number(entry.slice(1)))).filter(Number.isSafeInteger));
}

function entriesOf(marks: string | null): string[] {
  return (marks ?? '').split(' ').filter(Boolean);
}
