/** Short notes that survive the page, in the same turn: no promise is waited for, and no secret is in them. */
export interface Marks {
  /** The note last set under this key, by any tab where they share a place; else null. Must not throw. */
  get(key: string): string | null;
  /** Replaces the note, or removes it with null; done when it returns. Must not throw. */
  set(key: string, value: string | null): void;
}
