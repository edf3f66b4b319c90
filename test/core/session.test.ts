import { describe, expect, test } from 'vitest';
import { noSession, recordOf, type SessionInput, type SessionState, transition } from '../../src/core/session.js';
import type { SessionRecord, StoredFailure } from '../../src/core/session-record.js';
import { RefreshError, SessionError, StorageError } from '../../src/errors.js';

const failure: StoredFailure = {
  code: 'ERR_REFRESH_UNAVAILABLE',
  status: 503,
  oauthError: undefined,
  retryAt: 5_000,
  named: true,
  count: 1,
};

function record(changes: Partial<SessionRecord> = {}): SessionRecord {
  const tokens = { accessToken: 'a', refreshToken: 'r', idToken: undefined, scopes: [], issuedAt: 0, expiresAt: 9 };
  return { sessionId: 's', revision: 1, tokens, attemptId: 'x', unanswered: false, failure: undefined, ...changes };
}

const error = new RefreshError('ERR_REFRESH_NETWORK', 'no', { attempts: 1 });
const failing = { retryAt: 5_000, named: false, error };
const loading: SessionState = { status: 'loading', revision: 0 };
const none: SessionState = { status: 'none', revision: 4, endedId: 's' };
const active: SessionState = { status: 'active', revision: 1, record: record() };
const refreshing: SessionState = { status: 'refreshing', revision: 1, record: record() };
const waiting: SessionState = { status: 'waiting', revision: 1, record: record(), failing };

/** Effects as short words: what is emitted, announced and refused, in order. */
function apply(state: SessionState, input: SessionInput): { state: SessionState; effects: string[] } {
  const next = transition(state, input);
  const effects = next.effects.map((effect) => {
    if (effect.type !== 'emit') return effect.type;
    const { reason, from, by } = effect.event.payload as Record<string, unknown>;
    return [effect.event.type, reason, from, by].filter(Boolean).join(' ');
  });
  return { state: next.state, effects };
}

const found = (held: SessionRecord | undefined, more: object = {}): SessionInput => ({
  type: 'found',
  record: held,
  wasStored: true,
  ...more,
});

describe('what a look at the storage does', () => {
  const newer = record({ revision: 2 });
  const other = record({ sessionId: 't' });
  const damage = new StorageError('ERR_STORAGE_CORRUPT', 'damaged');
  const cases: [string, SessionState, SessionInput, SessionState['status'], string[]][] = [
    ['an empty storage means nobody is signed in', loading, found(undefined), 'none', []],
    ['a stored session lives', loading, found(record()), 'active', ['sessionStarted storage']],
    ['a stored failure makes it wait', loading, found(record({ failure })), 'waiting', ['sessionStarted storage']],
    ['a damaged record means nobody is signed in', loading, found(undefined, { error: damage }), 'none', []],
    ['nothing new changes nothing', active, found(record()), 'active', []],
    ['a peer has refreshed', active, found(newer), 'active', ['refreshed due peer']],
    ['a peer has refreshed while we do', refreshing, found(newer), 'active', ['refreshed due peer']],
    ['a peer has refreshed while we wait', waiting, found(newer), 'active', ['refreshed due peer']],
    ['a peer has met a failure', active, found(record({ failure })), 'waiting', []],
    ['a peer has met a failure while we refresh', refreshing, found(record({ failure })), 'refreshing', []],
    ['an older record changes nothing', active, found(record({ revision: 0 })), 'active', []],
    ['a peer has signed out', active, found(undefined), 'none', ['refuse', 'sessionEnded peer']],
    ['what was never stored cannot be missing', active, found(undefined, { wasStored: false }), 'active', []],
    ['a damaged record ends nothing', active, found(undefined, { error: damage }), 'active', []],
    [
      'a peer has signed in as another',
      active,
      found(other),
      'active',
      ['refuse', 'sessionEnded peer', 'sessionStarted peer'],
    ],
    [
      'an older session is not taken for a newer one',
      active,
      found(record({ sessionId: 't', revision: 0 }), { wasStored: false }),
      'active',
      [],
    ],
    [
      'a newer session is, though ours was never stored',
      active,
      found(record({ sessionId: 't', revision: 1 }), { wasStored: false }),
      'active',
      ['refuse', 'sessionEnded peer', 'sessionStarted peer'],
    ],
    ['a session that ended here does not come back', none, found(record()), 'none', []],
    ['a peer has signed in', none, found(other), 'active', ['sessionStarted peer']],
    ['still nobody', none, found(undefined), 'none', []],
  ];

  test.each(cases)('%s', (_, state, input, status, effects) => {
    const next = apply(state, input);
    expect(next.state.status).toBe(status);
    expect(next.effects).toEqual(effects);
  });

  test('the reason for a damaged record is kept, and callers are told to sign in', () => {
    const { state } = apply(loading, found(undefined, { error: damage }));
    expect(state).toMatchObject({ error: damage });
    expect(noSession(state).code).toBe('ERR_NO_SESSION');
  });
});

describe('a session starts and ends', () => {
  const next = record({ sessionId: 'n', revision: 9 });
  test('after a sign-in: announced, then told', () => {
    const input: SessionInput = { type: 'started', record: next, from: 'sign-in' };
    expect(apply(loading, input).effects).toEqual(['announce', 'sessionStarted sign-in']);
    expect(apply(none, input).effects).toEqual(['announce', 'sessionStarted sign-in']);
    expect(apply(active, input)).toEqual({
      state: { status: 'active', revision: 9, record: next },
      effects: ['announce', 'refuse', 'sessionEnded replaced', 'sessionStarted sign-in'],
    });
  });

  test('at the wish of the user: callers are refused, and the revision grows', () => {
    const { state, effects } = apply(refreshing, { type: 'ended', reason: 'ended' });
    expect(state).toEqual({ status: 'none', revision: 2, error: undefined, endedId: 's' });
    // the end is told by the sign-out itself, when nothing is left here
    expect(effects).toEqual(['refuse']);
  });

  test.each(['rejected', 'lost'] as const)(
    'because the server said so, %s: peers are told, and the error stays',
    (reason) => {
      const why = new SessionError('ERR_SESSION_REJECTED', 'over');
      const { state, effects } = apply(refreshing, { type: 'ended', reason, error: why });
      expect(effects).toEqual(['announce', 'refuse', `sessionEnded ${reason}`]);
      expect(noSession(state)).toBe(why);
    },
  );

  test('one that was never announced ends without an event', () => {
    expect(apply(loading, { type: 'ended', reason: 'ended' }).effects).toEqual(['refuse']);
  });
});

describe('a refresh', () => {
  const base = record();
  const facts = { by: 'us', reason: 'due', attempts: 1, durationMs: 3 } as const;
  const grown = record({ revision: 2, tokens: { ...base.tokens, accessToken: 'b', refreshToken: 'q', expiresAt: 99 } });
  const own = { reason: 'due', attempt: 1, durationMs: 3 } as const;

  test('is told when it starts', () => {
    const { state, effects } = apply(waiting, { type: 'attempted', reason: 'expired', attempt: 2 });
    expect(state).toEqual({ status: 'refreshing', revision: 1, record: base });
    expect(effects).toEqual(['refreshStarted expired']);
    expect(apply(loading, { type: 'attempted', reason: 'resume', attempt: 1 })).toEqual({
      state: loading,
      effects: ['refreshStarted resume'],
    });
    expect(apply(none, { type: 'attempted', reason: 'due', attempt: 1 })).toEqual({ state: none, effects: [] });
  });

  test('that succeeded is announced, then told', () => {
    const { state, effects } = transition(refreshing, { type: 'refreshed', base, record: grown, ...facts });
    expect(state).toEqual({ status: 'active', revision: 2, record: grown });
    expect(effects).toEqual([
      { type: 'announce' },
      {
        type: 'emit',
        event: { type: 'refreshed', sessionId: 's', payload: { ...facts, rotated: true, expiresAt: 99 } },
      },
    ]);
  });

  test('of a peer is told, and not announced again', () => {
    const input = { type: 'refreshed', base, record: record({ revision: 2 }), ...facts, by: 'peer' } as const;
    expect(apply(refreshing, input).effects).toEqual(['refreshed due peer']);
    expect(transition(refreshing, input).effects[0]).toMatchObject({ event: { payload: { rotated: false } } });
  });

  test.each<[string, SessionState]>([
    ['ended', none],
    ['was replaced', { status: 'active', revision: 1, record: record({ sessionId: 't' }) }],
    ['moved on', { status: 'active', revision: 3, record: record({ revision: 3 }) }],
  ])('whose session %s meanwhile changes nothing', (_, state) => {
    expect(apply(state, { type: 'refreshed', base, record: grown, ...facts })).toEqual({ state, effects: [] });
    expect(apply(state, { type: 'failed', base, record: base, failing, again: false, own })).toEqual({
      state,
      effects: [],
    });
  });

  test('that was told to wait after newer tokens of a peer were taken over waits with these until then', () => {
    const told = record({ failure });
    const later = { ...grown, failure: { ...failure, retryAt: 6_000 } };
    const nameless = { ...failure, named: false };
    const next = (held: SessionRecord, met: SessionRecord, of = base) => {
      const state: SessionState = { status: 'active', revision: held.revision, record: held };
      const input = { type: 'failed', base: of, record: met, failing: { ...failing, named: true }, own } as const;
      const { effects, state: after } = apply(state, { ...input, again: false });
      expect(effects).toEqual([]);
      return after === state ? 'as before' : after;
    };
    expect(next(grown, told)).toMatchObject({
      status: 'waiting',
      revision: 2,
      record: { ...grown, failure },
      failing: { retryAt: 5_000, named: true, error: { code: 'ERR_REFRESH_UNAVAILABLE' } },
    });
    expect(next({ ...grown, failure: { ...nameless, retryAt: 4_000 } }, told)).toMatchObject({ record: { failure } });
    expect(next({ ...grown, failure: { ...nameless, retryAt: 6_000 } }, told)).toMatchObject({ record: { failure } });
    expect(next(later, told)).toBe('as before');
    expect(next(grown, record({ failure: nameless }))).toBe('as before');
    expect(next({ ...grown, sessionId: 't' }, told)).toBe('as before');
  });

  test('whose revision an errand of a peer has reached as well is told, and brings its access token', () => {
    const errand = record({ revision: 2, errands: 1, others: {}, tokens: { ...base.tokens, refreshToken: 'p' } });
    const input = { type: 'refreshed', base, record: grown, ...facts } as const;
    for (const status of ['active', 'refreshing'] as const) {
      expect(apply({ status, revision: 2, record: errand }, input)).toEqual({
        state: { status: 'active', revision: 2, record: grown },
        effects: ['announce', 'refreshed due us'],
      });
    }
  });

  test.each<[string, SessionRecord, boolean]>([
    ['a refresh of a peer has reached as well', record({ revision: 2 }), false],
    ['an errand of a peer has left behind', record({ revision: 3, errands: 2, others: {} }), false],
    ['an errand of a peer has reached as well, for an errand,', record({ revision: 2, errands: 1, others: {} }), true],
  ])('whose revision %s changes nothing', (_, held, isErrand) => {
    const state: SessionState = { status: 'active', revision: held.revision, record: held };
    expect(apply(state, { type: 'refreshed', base, record: grown, ...facts, isErrand })).toEqual({
      state,
      effects: [],
    });
  });

  test('that failed and goes on stays a refresh; one that gave up waits', () => {
    const failed = record({ failure });
    const input = { type: 'failed', base, record: failed, failing, own } as const;
    expect(apply(refreshing, { ...input, again: true })).toEqual({
      state: { status: 'refreshing', revision: 1, record: failed, failing },
      effects: ['announce', 'refreshFailed due'],
    });
    expect(apply(refreshing, { ...input, again: false }).state).toEqual({
      status: 'waiting',
      revision: 1,
      record: failed,
      failing,
    });
  });

  test('that a peer failed makes us wait without a word', () => {
    const next = apply(refreshing, { type: 'failed', base, record: undefined, failing, again: false });
    expect(next).toEqual({ state: { status: 'waiting', revision: 1, record: base, failing }, effects: [] });
  });

  test('that failed before the session was known leaves it unknown', () => {
    const next = apply(loading, { type: 'failed', base: undefined, record: undefined, failing, again: false, own });
    expect(next).toEqual({ state: { ...loading, failing }, effects: ['refreshFailed due'] });
  });

  test('that was abandoned leaves the session as it was', () => {
    expect(apply(refreshing, { type: 'abandoned' })).toEqual({ state: active, effects: [] });
    expect(apply(waiting, { type: 'abandoned' })).toEqual({ state: waiting, effects: [] });
    expect(apply(none, { type: 'abandoned' })).toEqual({ state: none, effects: [] });
  });
});

test('a stored failure comes back as the error it was', () => {
  const { state } = transition(loading, found(record({ failure })));
  expect(state).toMatchObject({
    status: 'waiting',
    failing: {
      retryAt: 5_000,
      named: true,
      error: { code: 'ERR_REFRESH_UNAVAILABLE', status: 503, retryAt: 5_000, attempts: 1 },
    },
  });
});

test('the record of a session is there while it lives', () => {
  expect([loading, none, active, refreshing, waiting].map((state) => recordOf(state)?.sessionId)).toEqual([
    undefined,
    undefined,
    's',
    's',
    's',
  ]);
});

describe('what a caller without a session is told', () => {
  test('says what to do', () => {
    expect(noSession(loading)).toMatchObject({
      code: 'ERR_NO_SESSION',
      message: 'Expected a session, but nobody is signed in: sign in and call startSession().',
    });
  });
});

describe('what an ending tells', () => {
  const payload = (input: SessionInput) => {
    const [ended] = transition(active, input).effects.flatMap((effect) =>
      effect.type === 'emit' ? [effect.event] : [],
    );
    return ended?.payload;
  };

  test('the error, where one ended it, and no such member otherwise', () => {
    const rejected = new SessionError('ERR_SESSION_REJECTED', 'no');
    expect(payload({ type: 'ended', reason: 'rejected', error: rejected })).toStrictEqual({
      reason: 'rejected',
      error: rejected,
    });
    expect(payload({ type: 'ended', reason: 'ended' })).toBeUndefined();
    expect(payload({ type: 'ended', reason: 'peer' })).toStrictEqual({ reason: 'peer' });
  });
});

describe("a peer's failure", () => {
  test('of an older token set is no news', () => {
    const held: SessionState = { status: 'active', revision: 2, record: record({ revision: 2 }) };
    const { state } = transition(held, found(record({ failure })));
    expect(state).toBe(held);
  });

  test('that is known already changes nothing', () => {
    const held: SessionState = { ...waiting, record: record({ failure }) };
    expect(transition(held, found(record({ failure }))).state).toBe(held);
  });

  test('is not forgotten over a record of the same tokens from before it, which is all that the storage took', () => {
    const held: SessionState = { ...waiting, record: record({ failure }) };
    expect(transition(held, found(record())).state).toBe(held);
  });
});
