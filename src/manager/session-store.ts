import { recordOf, type SessionEffect, type SessionInput, type SessionState, transition } from '../core/session.js';
import { readClaims } from '../core/token-set.js';
import type { SessionSnapshot } from './token-manager.js';

/** Holds the state of the session; the only caller of `transition`. */
export interface SessionStore {
  readonly state: SessionState;
  /** Applies a fact; then the effects are carried out, and the new state is told. */
  dispatch(input: SessionInput): void;
  getSnapshot(): SessionSnapshot;
}

/** `changed` hears of every new state before any effect is carried out. */
export function createSessionStore(
  changed: (state: SessionState, before: SessionState) => void,
  run: (effect: SessionEffect) => void,
): SessionStore {
  let state: SessionState = { status: 'loading', revision: 0 };
  let snapshot: SessionSnapshot | undefined;
  const queue: SessionEffect[] = [];
  return {
    get state() {
      return state;
    },
    dispatch: (input) => {
      const before = state;
      const next = transition(before, input);
      state = next.state;
      queue.push(...next.effects);
      if (state !== before) {
        snapshot = undefined;
        changed(state, before);
      }
      // a fact that comes of an effect carries out what is left of these first
      for (let effect = queue.shift(); effect; effect = queue.shift()) run(effect);
    },
    getSnapshot: () => (snapshot ??= show(state)),
  };
}

function show(state: SessionState): SessionSnapshot {
  const record = recordOf(state);
  const failing = 'failing' in state ? state.failing : undefined;
  return Object.freeze({
    status: state.status === 'loading' || state.status === 'none' ? state.status : 'active',
    sessionId: record?.sessionId,
    refreshing: state.status === 'refreshing',
    issuedAt: record?.tokens.issuedAt,
    expiresAt: record?.tokens.expiresAt,
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
