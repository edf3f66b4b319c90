/** What a database takes in one statement. */
const MOST = 500;

/** The items in portions that a database takes in one statement. */
export function* inPortions<T>(items: readonly T[]): Iterable<readonly T[]> {
  for (let from = 0; from < items.length; from += MOST) yield items.slice(from, from + MOST);
}
