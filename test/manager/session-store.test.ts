import { describe, expect, test } from 'vitest';
import { noSession, type SessionEffect, type SessionState } from '../../src/core/session.js';
import { StorageError } from '../../src/errors.js';
import { SessionStore } from '../../src/manager/session-store.js';
import { failureUntil, recordWith } from '../support/session-records.js';

/** A session and what it tells: the changes and the effects, in their order. */
function session(react: (effect: SessionEffect, store: SessionStore) => void = () => undefined) {
  const told: string[] = [];
  const store: SessionStore = new SessionStore({
    sessionChanged: (before: SessionState) => told.push(`${before.status} → ${store.state.status}`),
    carryOut: (effect) => {
      told.push(effect.type === 'emit' ? effect.event.type : effect.type);
      react(effect, store);
    },
  });
  return { store, told };
}

const started = (record = recordWith()) => ({ type: 'started', record, from: 'sign-in' }) as const;

describe('the snapshot', () => {
  test('says that nothing is known yet, then what the session is, then that it is over and why', () => {
    const { store } = session();
    expect(store.snapshot).toMatchObject({ status: 'loading', sessionId: undefined, scopes: [], error: undefined });
    store.dispatch(started());
    expect(store.snapshot).toMatchObject({ status: 'active', sessionId: 's1', refreshing: false, scopes: ['mail'] });
    expect(store.snapshot).toMatchObject({ issuedAt: 0, expiresAt: 1, retryAt: undefined, error: undefined });
    store.dispatch({ type: 'attempted', reason: 'due', attempt: 1 });
    expect(store.snapshot).toMatchObject({ status: 'active', refreshing: true });
    const error = noSession({ status: 'none', revision: 0 });
    store.dispatch({ type: 'ended', reason: 'rejected', error });
    expect(store.snapshot).toMatchObject({ status: 'none', refreshing: false, scopes: [], error });
  });

  test('says why refreshing fails, and when it is tried again', () => {
    const { store } = session();
    store.dispatch(started(recordWith({ failure: failureUntil(5_000) })));
    expect(store.snapshot).toMatchObject({ status: 'active', retryAt: 5_000, error: { retryAt: 5_000, status: 503 } });
  });

  test('says that the storage fails before anything is known', () => {
    const { store } = session();
    const error = new StorageError('ERR_STORAGE_READ', 'no');
    const failing = { error, retryAt: 7, named: false };
    store.dispatch({ type: 'failed', base: undefined, record: undefined, failing, again: false });
    expect(store.snapshot).toMatchObject({ status: 'loading', error, retryAt: 7 });
  });

  test('is one object until something changes, and nobody can change it', () => {
    const { store } = session();
    store.dispatch(started());
    const { snapshot } = store;
    store.dispatch({ type: 'reopened' });
    expect(store.snapshot).toBe(snapshot);
    expect([Object.isFrozen(snapshot), Object.isFrozen(snapshot.scopes)]).toEqual([true, true]);
    store.dispatch({ type: 'ended', reason: 'ended' });
    expect(store.snapshot).not.toBe(snapshot);
  });
});

describe('a fact', () => {
  test('that changes nothing is told to nobody', () => {
    const { store, told } = session();
    store.dispatch(started());
    told.length = 0;
    store.dispatch({ type: 'found', record: recordWith(), wasStored: true });
    expect(told).toEqual([]);
  });

  test('changes the session first; its effects follow in order, each once', () => {
    const { store, told } = session();
    store.dispatch(started());
    expect(told).toEqual(['loading → active', 'announce', 'sessionStarted']);
  });

  test('that an effect gives rise to comes after the effects that are left', () => {
    const { store, told } = session((effect, own) => {
      if (effect.type === 'announce') own.dispatch({ type: 'attempted', reason: 'due', attempt: 1 });
    });
    store.dispatch(started());
    expect(told).toEqual(['loading → active', 'announce', 'active → refreshing', 'sessionStarted', 'refreshStarted']);
  });
});
