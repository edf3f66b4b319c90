/** Names the member by which a storage and a due index tell that they lie in the same rows. */
export const sharedRows: unique symbol = Symbol.for('evertoken.rows') as never;

/** Where the rows are. */
export interface SharedRows {
  readonly db: unknown;
  readonly prefix: string | undefined;
}

/** Whether two things lie in the same rows, so that one statement writes both. */
export function isInSameRows(one: object, other: object): boolean {
  const [a, b] = [one, other].map((it) => (it as { [sharedRows]?: SharedRows })[sharedRows]);
  return a !== undefined && a.db === b?.db && a.prefix === b?.prefix;
}
