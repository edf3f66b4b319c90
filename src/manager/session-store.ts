import { orNone } from '../core/or-none.js';
import {
  type Failing,
  failingOf,
  recordOf,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  transition,
} from '../core/session.js';
import type { SessionRecord } from '../core/session-record.js';
import { readClaims } from '../core/token-set.js';
import type { SessionSnapshot } from './token-manager.js';

/** Is told of every change of the session. */
export interface SessionObserver {
  /** There is a new state; called before any effect is carried out. */
  sessionChanged(before: SessionState): void;
  carryOut(effect: SessionEffect): void;
}

/** Holds the state of the session; the only caller of `transition`. */
export class SessionStore {
  readonly #observer: SessionObserver;
  #state: SessionState = { status: 'loading', revision: 0 };
  #snapshot: SessionSnapshot | undefined;
  /** Effects that are left to carry out. */
  #effects: readonly SessionEffect[] = orNone();

  constructor(observer: SessionObserver) {
    this.#observer = observer;
  }

  get state(): SessionState {
    return this.#state;
  }

  get record(): SessionRecord | undefined {
    return recordOf(this.#state);
  }

  /** Why refreshing fails, while it does. */
  get failing(): Failing | undefined {
    return failingOf(this.#state);
  }

  /** The same object until something changes. */
  get snapshot(): SessionSnapshot {
    this.#snapshot ??= snapshotOf(this.#state);
    return this.#snapshot;
  }

  /** Applies a fact to the session, then carries the effects out. */
  dispatch(input: SessionInput): void {
    const before = this.#state;
    const { state, effects } = transition(before, input);
    this.#state = state;
    this.#effects = orNone(this.#effects.concat(effects));
    if (state !== before) {
      this.#snapshot = undefined;
      this.#observer.sessionChanged(before);
    }
    // An effect may dispatch another fact, which carries out the effects that are left before its own.
    for (let [effect] = this.#effects; effect; [effect] = this.#effects) {
      this.#effects = orNone(this.#effects.slice(1));
      this.#observer.carryOut(effect);
    }
  }
}

function snapshotOf(state: SessionState): SessionSnapshot {
  const record = recordOf(state);
  const failing = failingOf(state);
  return Object.freeze({
    status: 'record' in state ? 'active' : state.status,
    sessionId: record?.sessionId,
    refreshing: state.status === 'refreshing',
    issuedAt: record?.tokens.issuedAt,
    expiresAt: record?.tokens.expiresAt,
    refreshExpiresAt: record?.tokens.refreshExpiresAt,
    retryAt: failing?.retryAt,
    error: state.status === 'none' ? state.error : failing?.error,
    scopes: Object.freeze([...(record?.tokens.scopes ?? [])]),
    claims: freeze(readClaims(record?.tokens.idToken)),
  });
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}
