import { longestMs } from './hold-lock.js';
import type { Settings } from './options.js';
import { Waiters, type WaitersObserver } from './waiters.js';

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

const NONE: readonly string[] = [];

/** Which sign-ins and sign-outs are under way. The later one wins over an earlier one that still waits for the lock. */
export class PendingCommands implements WaitersObserver {
  readonly #settings: Settings;
  /** When the last one began: one that is dead by the clock is not under way. */
  #begunAt = 0;
  #starts = 0;
  #lastFinished = 0;
  #startingIds = NONE;
  #ends = 0;
  #erasing = 0;
  #waiters: Waiters<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** A session is being started: nothing is refreshed meanwhile, and what the storage holds is no news. */
  get isStarting(): boolean {
    return this.#lastFinished < this.#starts && this.#isAlive;
  }

  /** The record of an ended session is being erased. */
  get isErasing(): boolean {
    return this.#erasing > 0 && this.#isAlive;
  }

  /** How many sign-outs have begun. */
  get ends(): number {
    return this.#ends;
  }

  beginStart(sessionId: string): StartTurn {
    this.#begunAt = this.#settings.platform.clock.now();
    const turn = ++this.#starts;
    const ends = this.#ends;
    this.#startingIds = this.#startingIds.concat(sessionId);
    return {
      turn,
      isLatest: () => turn === this.#starts,
      isEnded: () => ends !== this.#ends,
      finish: () => {
        this.#startingIds = this.#startingIds.filter((id) => id !== sessionId);
        this.#lastFinished = Math.max(this.#lastFinished, turn);
        if (!this.isStarting) this.#waiters?.resolve();
      },
    };
  }

  /** Waits until no session is being started. */
  whenStarted(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#settings.platform;
    this.#waiters ??= new Waiters(clock, longestMs(this.#settings), this);
    return this.#waiters.wait(signal);
  }

  /** Lets go of those who wait for a start that is dead by the clock. */
  waitersOverdue(): void {
    if (!this.isStarting) this.#waiters?.resolve();
  }

  /** Refuses the callers who wait. */
  refuse(error: unknown): void {
    this.#waiters?.reject(error);
  }

  /** Returns the sessions whose start is not over: their records may be stored already. */
  beginEnd(): readonly string[] {
    this.#begunAt = this.#settings.platform.clock.now();
    this.#ends++;
    this.#erasing++;
    return this.#startingIds;
  }

  finishEnd(): void {
    this.#erasing--;
  }

  get #isAlive(): boolean {
    return this.#settings.platform.clock.now() - this.#begunAt <= longestMs(this.#settings);
  }
}
