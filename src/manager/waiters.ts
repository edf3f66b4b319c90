import type { Clock } from '../ports/clock.js';

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Is told of callers who have waited for too long. */
export interface WaitersObserver {
  /** No caller has come for the time of the limit, and at least one still waits; called again after the same time. */
  waitersOverdue(): void;
}

const MAX_DELAY_MS = 2_147_483_647;

/** Callers who wait for one outcome. While there is one, a single timer keeps the process running; no other timer does. */
export class Waiters<T> {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #observer: WaitersObserver | undefined;
  #waiting: Set<Waiter<T>> | undefined;
  /** Callers without a signal leave together, and share one promise. */
  #shared: Promise<T> | undefined;
  #release: (() => void) | undefined;
  #refusal: unknown;

  constructor(clock: Clock, limitMs: number = MAX_DELAY_MS, observer?: WaitersObserver) {
    this.#clock = clock;
    this.#limitMs = Math.min(limitMs, MAX_DELAY_MS);
    this.#observer = observer;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined && this.#waiting.size > 0;
  }

  /** Waits for the next `resolve` or `reject`; an abort rejects this caller alone, with the signal's reason. */
  wait(signal: AbortSignal | undefined): Promise<T> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    // Each caller starts the timer anew: some runtimes cancel a timer together with the request that set it.
    this.#release?.();
    this.#watch();
    if (signal) return this.#waitUntilAborted(signal);
    this.#shared ??= new Promise((resolve, reject) => this.#add({ resolve, reject }));
    return this.#shared;
  }

  resolve(value: T): void {
    for (const waiter of this.#empty()) waiter.resolve(value);
  }

  reject(error: unknown): void {
    for (const waiter of this.#empty()) waiter.reject(error);
  }

  /** Refuses the callers who wait, and all later ones. */
  close(error: unknown): void {
    this.#refusal = error;
    this.reject(error);
  }

  #waitUntilAborted(signal: AbortSignal): Promise<T> {
    let abort = (): void => undefined;
    const outcome = new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject };
      this.#add(waiter);
      abort = () => {
        this.#waiting?.delete(waiter);
        this.#releaseIfEmpty();
        reject(abortReason(signal));
      };
    });
    const settled = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    outcome.then(settled, settled);
    return outcome;
  }

  #add(waiter: Waiter<T>): void {
    this.#waiting ??= new Set();
    this.#waiting.add(waiter);
  }

  #watch(): void {
    const watch = () => {
      this.#watch();
      this.#observer?.waitersOverdue();
    };
    this.#release = this.#clock.after(this.#limitMs, watch, { keepAlive: true });
  }

  #empty(): Iterable<Waiter<T>> {
    const all = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#shared = undefined;
    this.#releaseIfEmpty();
    return all;
  }

  #releaseIfEmpty(): void {
    if (this.#waiting?.size) return;
    this.#release?.();
    this.#release = undefined;
  }
}

/** The reason of an abort; an `AbortError` where the runtime knows no reasons. */
export function abortReason(signal: AbortSignal | undefined): unknown {
  if (signal?.reason !== undefined) return signal.reason;
  const error = new Error('The operation was aborted.');
  error.name = 'AbortError';
  return error;
}
