import type { Clock } from '../ports/clock.js';
import { Waiters } from './waiters.js';

/** Counts what is under way, also without a caller who waits: refreshes, reads, writes, repairs, revocations. */
export class PendingWork {
  readonly #clock: Clock;
  #count = 0;
  #waiters: Waiters<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  track<T>(work: Promise<T>): Promise<T> {
    this.#count++;
    const done = () => {
      this.#count--;
      if (this.#count === 0) this.#waiters?.resolve();
    };
    work.then(done, done);
    return work;
  }

  /** Resolves when nothing is under way, or after `limitMs`; keeps the process alive until then. */
  async settled(limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    this.#waiters ??= new Waiters(this.#clock);
    const outcome = this.#waiters.wait(undefined);
    const cancel = this.#clock.after(limitMs, () => this.#waiters?.resolve());
    await outcome;
    cancel();
  }
}
