import type { SessionRecord } from '../core/session-record.js';
import type { Clock } from '../ports/clock.js';

/** One call of `refresh()`. */
export interface Demand {
  /** Epoch milliseconds. */
  readonly at: number;
  /** How many requests this manager had sent by then. */
  readonly requests: number;
}

/** Calls of `refresh()`: each is met by tokens that were asked for after it, here or in a peer, and by no others. */
export class Demands {
  readonly #clock: Clock;
  #requests = 0;
  /** The request that brought the present tokens. */
  #answered = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A call of `refresh()`, now. */
  add(): Demand {
    return { at: this.#clock.now(), requests: this.#requests };
  }

  /** A request is sent; returns its number. */
  send(): number {
    return ++this.#requests;
  }

  /** The tokens of this request are the present ones. */
  answer(request = 0): void {
    this.#answered = Math.max(this.#answered, request);
  }

  /** Tokens issued in the millisecond of the call, or in the future, prove nothing: a peer's clock may be ahead of this one. */
  isMet({ at, requests }: Demand, record: SessionRecord | undefined): boolean {
    const issuedAt = record?.tokens.issuedAt ?? at;
    return this.#answered > requests || (issuedAt > at && issuedAt <= this.#clock.now());
  }
}
