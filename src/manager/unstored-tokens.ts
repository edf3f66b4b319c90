import { isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';

/** Is told that tokens came after the caller who waited for them had gone. */
export interface UnstoredObserver {
  tokensArrivedLate(): void;
}

/** Tokens that came after their deadline, or when the lock was lost, until an attempt stores them. */
export class UnstoredTokens {
  readonly #observer: UnstoredObserver;
  #tokens: TokenSet | undefined;
  /** The record that was presented for them. */
  #base: SessionRecord | undefined;

  constructor(observer: UnstoredObserver) {
    this.#observer = observer;
  }

  put(base: SessionRecord | undefined, tokens: TokenSet): void {
    this.#base = base;
    this.#tokens = tokens;
    this.#observer.tokensArrivedLate();
  }

  /** Whether there are tokens that follow from this record. */
  follow(record: SessionRecord | undefined): boolean {
    return this.#tokens !== undefined && isSameTokenSet(this.#base, record);
  }

  /** Hands the tokens out, if they follow from this record; the caller stores them. */
  take(record: SessionRecord | undefined): TokenSet | undefined {
    const tokens = this.follow(record) ? this.#tokens : undefined;
    if (tokens) this.#tokens = undefined;
    return tokens;
  }

  clear(): void {
    this.#tokens = undefined;
  }
}
