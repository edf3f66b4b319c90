/**
 * Hands sessions that are due to workers. A job is the key of a session and nothing else.
 *
 * Checked by `jobQueueContract` of `evertoken/testing`.
 */
export interface JobQueue {
  /** Adds jobs to a lane; a key that waits already, or is being worked on, is not added twice. */
  add(lane: string, keys: readonly string[]): Promise<unknown>;
  /**
   * Works on the jobs of a lane, at most `concurrency` at once in this process; returns a function that stops that.
   *
   * The promise of that function resolves when nothing runs any more. What `work` rejects with is dropped: the record
   * and the index say when the session comes up again. `takeoverMs`: a job whose process died may be given to another
   * worker after that many milliseconds.
   */
  process(
    lane: string,
    work: (key: string) => Promise<void>,
    options: { concurrency: number; takeoverMs: number },
  ): () => Promise<void>;
  /** How many jobs of a lane wait for a worker. */
  waiting(lane: string): Promise<number>;
  /** Lets go of what `add` and `waiting` opened for a lane, in a process that feeds it and works on none of its jobs. */
  close?(lane: string): unknown;
}
