import type { TokenSet } from '../core/token-set.js';
import type { Clock } from '../ports/clock.js';
import type { Answer } from './answer.js';
import type { Watcher } from './watcher.js';

/** Is told when a refresh is over: when it is none any more; its outcome, if it has one, is published next. */
export interface RunObserver {
  tell(say: (watcher: Watcher) => void): void;
}

/** One refresh with all its attempts: whether it still counts, and what can be waited for meanwhile. */
export class RefreshRun {
  #isDetached = false;
  #isStopped: boolean;
  #answer: Promise<Answer> | undefined;
  #detach: (() => void) | undefined;
  readonly #detached: Promise<undefined>;
  #endDelay: (() => void) | undefined;

  constructor(isStopped: boolean) {
    this.#isStopped = isStopped;
    this.#detached = new Promise((resolve) => {
      this.#detach = () => resolve(undefined);
    });
  }

  /** The session was ended or replaced here: the outcome does not count, and the lock is not held for it. */
  get isDetached(): boolean {
    return this.#isDetached;
  }

  /** The manager was disposed of: nothing is asked any more, but an answer that comes is stored. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Resolves with the tokens that the request in flight brings all the same, if there is one and it does. */
  async detach(): Promise<TokenSet | undefined> {
    this.#isDetached = true;
    this.#detach?.();
    this.#endDelay?.();
    await this.#detached; // the refresh function itself may end the session, before its request counts as in flight
    return (await this.#answer)?.tokens;
  }

  stop(): void {
    this.#isStopped = true;
    this.#endDelay?.();
  }

  /** Waits for the answer, or for the run to be detached. */
  untilDetached(answer: Promise<Answer>): Promise<Answer | undefined> {
    this.#answer = answer;
    return Promise.race([answer, this.#detached]);
  }

  /** The delay between two attempts; ends early when the run is detached or stopped. */
  delay(clock: Clock, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(Math.max(0, delayMs), resolve);
      this.#endDelay = () => {
        cancel();
        resolve();
      };
    });
  }
}
