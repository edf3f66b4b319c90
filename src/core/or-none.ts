/** The empty list of all sessions: an empty array of its own costs each of them 32 bytes. */
const EMPTY: readonly never[] = Object.freeze([]);

/** The same items; where there are none, the one list that all share. */
export function orNone<T>(items: readonly T[] = EMPTY): readonly T[] {
  return items.length > 0 ? items : EMPTY;
}
