import { isSameAccess, isSameSession, isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import { isSameSubject, type TokenSet } from '../core/token-set.js';

/** Is told that tokens came after the caller who waited for them had gone. */
export interface UnstoredObserver {
  tokensArrivedLate(): void;
}

/** What is stored together with tokens; `isRefused`: they are those of before with a new refresh token, which came alone. */
export type TokenFacts = Pick<SessionRecord, 'grant' | 'claims' | 'others'> & { readonly isRefused?: boolean };

/** Tokens that came after their deadline, when the lock was lost, or whose write is under way, until an attempt has stored them. */
export class UnstoredTokens {
  readonly #observer: UnstoredObserver;
  #tokens: TokenSet | undefined;
  /** The record that was presented for them. */
  #base: SessionRecord | undefined;
  #facts: TokenFacts | undefined;

  constructor(observer: UnstoredObserver) {
    this.#observer = observer;
  }

  /** What belongs to the tokens, also to those that were taken last. */
  get facts(): TokenFacts {
    return this.#facts ?? {};
  }

  put(base: SessionRecord | undefined, tokens: TokenSet, facts?: TokenFacts): void {
    this.keep(base, tokens, facts);
    this.#observer.tokensArrivedLate();
  }

  /** Keeps tokens while they are being stored, as that may be cut off; returns what lets go of them. */
  keep(base: SessionRecord | undefined, tokens: TokenSet, facts?: TokenFacts): () => void {
    this.#facts = facts;
    this.#base = base;
    this.#tokens = tokens;
    return () => {
      if (this.#tokens === tokens) this.#tokens = undefined;
    };
  }

  /** Whether there are tokens that follow from this record. */
  follow(record: SessionRecord | undefined): boolean {
    return this.#tokens !== undefined && (this.#isBase(record) || this.#hasReplaced(record));
  }

  /** Hands the tokens out, if they follow from this record; the caller stores them. */
  take(record: SessionRecord | undefined): TokenSet | undefined {
    const tokens = this.follow(record) ? this.#tokens : undefined;
    if (tokens) this.#tokens = undefined;
    if (!tokens || !record || this.#isBase(record)) return tokens;
    this.#facts = { claims: record.claims };
    const { refreshToken, refreshExpiresAt } = tokens;
    return { ...record.tokens, refreshToken, refreshExpiresAt };
  }

  /** The record that was presented; or one with the same tokens, which says why an errand failed meanwhile. */
  #isBase(record: SessionRecord | undefined): boolean {
    const base = this.#base;
    if (isSameTokenSet(base, record)) return true;
    return !!base && !!record && isSameAccess(record, base) && record.tokens.refreshToken === base.tokens.refreshToken;
  }

  /** The session went on with a sign-in, but with the refresh token that these tokens have come for. */
  #hasReplaced(record: SessionRecord | undefined): boolean {
    const [base, late] = [this.#base, this.#tokens];
    if (!base || !late || !record || !isSameSession(base, record)) return false;
    const { refreshToken, idToken } = record.tokens;
    const isKept = refreshToken !== undefined && refreshToken === base.tokens.refreshToken;
    return isKept && refreshToken !== late.refreshToken && isSameSubject(idToken, late.idToken);
  }

  clear(): void {
    this.#tokens = undefined;
  }
}
