/**
 * Small strings that are set in the same turn and survive the page, shared by its tabs where possible; no secrets.
 *
 * They tell the next page what this one had begun and could not finish. A method must not throw.
 */
export interface Marks {
  /** The string last set under this key, or null. */
  get(key: string): string | null;
  /** Sets the string under this key; null removes it. */
  set(key: string, value: string | null): void;
}
