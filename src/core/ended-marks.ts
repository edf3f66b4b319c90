import type { SessionRecord } from './session-record.js';

/** More entries than sign-outs that can be under way at once; the oldest goes first. */
const KEPT = 20;
const BEFORE = '<';
/** Revisions count from the moment of the sign-in, and run ahead of the clock by the refreshes since. */
const AHEAD_MS = 1_000;

/**
 * Marks of sessions that were signed out of: names of sessions, separated by spaces, without any secret.
 *
 * `<` and a revision stand for whatever was stored before a sign-out that did not know which session it ended.
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

/** The mark of a session whose name is known, or of all that were stored before this moment. */
export function markFor(sessionId: string | undefined, now: number): string {
  return sessionId ?? `${BEFORE}${now + AHEAD_MS}`;
}

/** Whether the session of this record was signed out of. */
export function isMarked(marks: string | null, { sessionId, revision }: SessionRecord): boolean {
  return entriesOf(marks).some(
    (entry) => entry === sessionId || (entry.startsWith(BEFORE) && revision < Number(entry.slice(1))),
  );
}

function entriesOf(marks: string | null): string[] {
  return (marks ?? '').split(' ').filter(Boolean);
}
