import { orNone } from '../core/or-none.js';
import { isAlive, longestMs } from './hold-lock.js';
import type { Settings } from './options.js';
import { Waiters } from './waiters.js';

/** One call of `startSession` that is under way. */
export interface StartTurn {
  /** Counts the starts; a later one wins. */
  readonly turn: number;
  /** No later start has begun. */
  isLatest(): boolean;
  /** A sign-out has begun since: it wins. */
  isEnded(): boolean;
  finish(): void;
}

/** One call of `endSession` that is under way. */
export interface EndTurn {
  /** The sessions whose start is not over: their records may be stored already. */
  readonly startingIds: readonly string[];
  finish(): void;
}

/** Which sign-ins and sign-outs are under way. The later one wins over an earlier one that still waits for the lock. */
export class PendingCommands {
  readonly #settings: Settings;
  /** When the last one began: one that is dead by the clock is not under way. */
  #begunAt = 0;
  #starts = 0;
  #lastFinished = 0;
  #startingIds: readonly string[] = orNone();
  #ends = 0;
  /** The sign-outs whose record is being erased, by the count of sign-outs. */
  #erasing: readonly number[] = orNone();
  #callers: Waiters<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** A session is being started: nothing is refreshed meanwhile, and what the storage holds is no news. */
  get isStarting(): boolean {
    return this.#lastFinished < this.#starts && this.#isAlive;
  }

  /** The record of an ended session is being erased. */
  get isErasing(): boolean {
    return this.#erasing.length > 0 && this.#isAlive;
  }

  /** How many sign-outs have begun. */
  get ends(): number {
    return this.#ends;
  }

  /** Callers who wait until no session is being started. */
  get callers(): Waiters<void> {
    const overdue = { waitersOverdue: () => this.#release() };
    this.#callers ??= new Waiters(this.#settings.platform.clock, longestMs(this.#settings), overdue);
    return this.#callers;
  }

  beginStart(sessionId: string): StartTurn {
    this.#begin();
    const turn = ++this.#starts;
    const ends = this.#ends;
    this.#startingIds = this.#startingIds.concat(sessionId);
    return {
      turn,
      isLatest: () => turn === this.#starts,
      isEnded: () => ends !== this.#ends,
      finish: () => {
        this.#startingIds = orNone(this.#startingIds.filter((id) => id !== sessionId));
        this.#lastFinished = Math.max(this.#lastFinished, turn);
        // An earlier sign-out had its turn at the lock, or was cut off: what the storage holds is news again.
        this.#erasing = orNone(this.#erasing.filter((end) => end > ends));
        this.#release();
      },
    };
  }

  beginEnd(): EndTurn {
    this.#begin();
    const end = ++this.#ends;
    this.#erasing = this.#erasing.concat(end);
    return {
      startingIds: this.#startingIds,
      finish: () => {
        this.#erasing = orNone(this.#erasing.filter((other) => other !== end));
      },
    };
  }

  /** What is dead by the clock by now must not come back to life with the next command. */
  #begin(): void {
    if (!this.#isAlive) {
      this.#lastFinished = this.#starts;
      this.#erasing = orNone();
    }
    this.#begunAt = this.#settings.platform.clock.now();
  }

  /** Lets go of the callers, once the last start is over or dead by the clock. */
  #release(): void {
    if (!this.isStarting) this.#callers?.resolve();
  }

  get #isAlive(): boolean {
    const isUnderWay = isAlive(this.#settings, this.#begunAt);
    if (!isUnderWay) this.#begunAt = Number.NEGATIVE_INFINITY; // a clock that was set back comes by that moment again
    return isUnderWay;
  }
}
