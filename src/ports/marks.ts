/** Short notes without secrets, written synchronously, so that they survive a page that is being closed. */
export interface Marks {
  /** The note last set under this key, by any tab where they share a place; else null. Must not throw. */
  get(key: string): string | null;
  /** Replaces the note, or removes it with null; done when it returns. Must not throw. */
  set(key: string, value: string | null): void;
}
