import { failingOf, recordOf, type SessionInput, type SessionState, transition } from '../core/session.js';
import { readClaims } from '../core/token-set.js';
import type { Engine } from './engine.js';
import type { SessionSnapshot } from './token-manager.js';

/** Applies a fact to the session; then the effects are carried out. The only caller of `transition`. */
export function dispatch(engine: Engine, input: SessionInput): void {
  const before = engine.state;
  const { state, effects } = transition(before, input);
  engine.state = state;
  engine.effects.push(...effects);
  if (state !== before) {
    engine.snapshot = undefined;
    engine.reactions.changed(engine, before);
  }
  // a fact that comes of an effect carries out what is left of these first
  for (let effect = engine.effects.shift(); effect; effect = engine.effects.shift()) {
    engine.reactions.run(engine, effect);
  }
}

/** The same object until something changes. */
export function getSnapshot(engine: Engine): SessionSnapshot {
  engine.snapshot ??= show(engine.state);
  return engine.snapshot;
}

function show(state: SessionState): SessionSnapshot {
  const record = recordOf(state);
  const failing = failingOf(state);
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
