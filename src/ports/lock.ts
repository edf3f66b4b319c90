/** Mutual exclusion among all managers that share the storage. */
export interface Lock {
  /**
   * Waits for the lock of this key, runs the task, and releases the lock when the task has settled.
   *
   * Settles as the task does. When `signal` aborts before the lock was granted, rejects with the signal's reason and
   * never runs the task; an abort after that changes nothing. `holdMs` is the longest time in milliseconds that the
   * task may hold the lock: an adapter may take the lock from a holder that is past it, one waiter at a time, never before.
   */
  run<T>(
    key: string,
    signal: AbortSignal,
    task: (lease: Lease) => Promise<T>,
    options?: { holdMs?: number },
  ): Promise<T>;
}

/** The proof that the lock is held. */
export interface Lease {
  /** Aborts when the lock is lost: taken over, or its lease ran out. */
  readonly signal: AbortSignal;
  /** A number that grows with every grant of this key's lock; passed on to the storage with a write. */
  readonly fence?: number;
  /** `false` where others on the same storage may hold the lock at the same time, because nothing better exists there. */
  readonly exclusive?: boolean;
}
