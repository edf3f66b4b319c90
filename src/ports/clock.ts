/** Time: the current moment, and a task after a delay. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Runs a task once, after a delay in milliseconds (at most 2 147 483 647), and returns a function that cancels it.
   *
   * Without `keepAlive` a pending task must not keep the process running.
   */
  after(delayMs: number, task: () => void, options?: { keepAlive?: boolean }): () => void;
}
