import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import type { Platform, RefreshTokens, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { dispose, joinRoom } from '../../src/manager/lifetime.js';
import { detachRefresh, startForLate, startRefresh } from '../../src/manager/refresher.js';
import { dispatch } from '../../src/manager/session-store.js';
import { fakeClock } from '../../src/testing.js';
import { bareEngine } from '../support/engine.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const base = recordWith();
const newer = recordWith({ revision: 5 }, { accessToken: 'peer-access', refreshToken: 'peer-refresh' });
const usable = recordWith({ revision: 5 }, { accessToken: 'peer-access', expiresAt: undefined });
const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60 };
const refused = () => Response.json({ error: 'invalid_grant' }, { status: 400 });
const busy = () => new Response('', { status: 503 });
const silence = () => new Promise<never>(() => undefined);

/** A session and what a refresh of it does, with nothing around it. */
function oneSession(
  answer: (calls: number) => ReturnType<RefreshTokens> | Response | TokenResponse,
  options: Partial<TokenManagerOptions> = {},
  platform: Partial<Platform> = {},
) {
  const clock = fakeClock();
  const asked: Parameters<RefreshTokens>[0][] = [];
  const events: { type: string; payload: object }[] = [];
  const storage = {
    stored: encodeRecord(base),
    reads: 0,
    getItem: () => {
      storage.reads++;
      return storage.stored;
    },
    setItem: (_: string, value: string) => {
      storage.stored = value;
    },
    removeItem: () => undefined,
  };
  const engine = bareEngine(
    { clock, random: () => 0.5, storage, ...platform },
    {
      cameLate: startForLate,
      run: (_, effect) => {
        if (effect.type === 'emit') events.push(effect.event as (typeof events)[0]);
      },
    },
    async (request) => answer(asked.push(request)),
    options,
  );
  engine.state = { status: 'active', revision: base.revision, record: base };
  const served: { token?: string; error?: unknown } = {};
  return {
    clock,
    asked,
    events,
    storage,
    engine,
    served,
    /** Somebody waits for the outcome. */
    join: () =>
      void joinRoom(engine, undefined).then(
        (record) => Object.assign(served, { token: record.tokens.accessToken }),
        (error) => Object.assign(served, { error }),
      ),
    /** We hear of what a peer has stored. */
    hear: (record: SessionRecord) => dispatch(engine, { type: 'found', record, isSeen: true }),
    of: (type: string) => events.filter((event) => event.type === type).map(({ payload }) => payload),
  };
}

test('where nobody is signed in, no refresh starts', () => {
  const { engine, events } = oneSession(silence);
  engine.state = { status: 'none', revision: 1 };
  startRefresh(engine, 'asked');
  expect(engine.run).toBe(undefined);
  expect(events).toEqual([]);
});

test('the event of a refresh says how long it took', async () => {
  const { engine, clock, of } = oneSession(async () => {
    await new Promise<void>((resolve) => clock.after(700, resolve));
    return tokens;
  });
  startRefresh(engine, 'due');
  await clock.advance(700);
  expect(of('refreshed')).toMatchObject([{ durationMs: 700, reason: 'due', attempts: 1, by: 'us' }]);
});

describe('a refresh that waits for its next attempt', () => {
  test('is over at once when the session is ended, and leaves no timer', async () => {
    const { engine, clock, of, asked } = oneSession(busy);
    startRefresh(engine, 'due');
    await clock.settle();
    expect(clock.pending).toBe(1);
    void detachRefresh(engine);
    await clock.settle();
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(of('refreshStarted')).toHaveLength(1);
  });

  test('is over at once after dispose()', async () => {
    const { engine, clock, of } = oneSession(busy);
    startRefresh(engine, 'due');
    await clock.settle();
    dispose(engine);
    await clock.settle();
    expect(engine.run).toBe(undefined);
    expect(clock.pending).toBe(0);
    expect(of('refreshStarted')).toHaveLength(1);
  });

  test('goes on when what a peer has stored meanwhile has expired, too', async () => {
    const { engine, clock, join, hear, served, asked, storage } = oneSession((calls) => (calls > 1 ? tokens : busy()));
    join();
    startRefresh(engine, 'expired');
    await clock.settle();
    storage.stored = encodeRecord(newer);
    hear(newer);
    await clock.advance(1_000);
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['old-refresh-token-1', 'peer-refresh']);
    expect(served).toEqual({ token: 'new-access' });
  });

  test('is over when a peer was faster, also with nobody waiting', async () => {
    const { engine, clock, hear, asked } = oneSession(busy);
    startRefresh(engine, 'due');
    await clock.settle();
    hear(usable);
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(engine.run).toBe(undefined);
    expect(engine.failures).toBe(0);
  });
});

describe('a refresh that was let go of', () => {
  test('does not end the one that follows it', async () => {
    const { engine, clock, asked } = oneSession(silence);
    startRefresh(engine, 'due');
    await clock.settle();
    void detachRefresh(engine);
    startRefresh(engine, 'due');
    const { run } = engine;
    await clock.settle();
    expect(engine.run).toBe(run);
    startRefresh(engine, 'due');
    await clock.settle();
    expect(asked).toHaveLength(2);
  });

  test.each([
    [0, 'stored when it is over'],
    [1, 'left to the alarm while it is quiet'],
  ])('tokens that came late meanwhile: %i ms of quiet left, %s', async (quietMs) => {
    const { engine, clock, storage, of } = oneSession(silence);
    startRefresh(engine, 'asked');
    void detachRefresh(engine);
    engine.late = { base, tokens: usable.tokens };
    engine.quietUntil = clock.now() + quietMs;
    await clock.settle();
    const reasons = of('refreshStarted').map((payload) => (payload as { reason: string }).reason);
    expect(reasons).toEqual(quietMs ? ['asked'] : ['asked', 'due']);
    expect(storage.stored.includes('peer-access')).toBe(quietMs === 0);
  });
});

describe('a refusal, after which an expired record with a pause is found', () => {
  function found(isNamed: boolean) {
    const session = oneSession((calls) => {
      if (calls > 1) return tokens;
      session.storage.stored = encodeRecord({ ...newer, failure: failureUntil(session.clock.now() + 5_000, isNamed) });
      return refused();
    });
    return session;
  }

  test('who asks on purpose gets a refresh of it', async () => {
    const { engine, clock, join, served, of } = found(false);
    join();
    startRefresh(engine, 'asked');
    await clock.settle();
    expect(served).toEqual({ token: 'new-access' });
    expect(of('refreshStarted')).toMatchObject([{ reason: 'asked' }, { reason: 'expired', attempt: 2 }]);
  });

  test.each([
    ['asked', true],
    ['expired', false],
    ['expired', true],
  ] as const)('the pause holds: %s, named by the server: %s', async (reason, isNamed) => {
    const { engine, clock, join, served, asked } = found(isNamed);
    join();
    startRefresh(engine, reason);
    await clock.settle();
    expect(served).toMatchObject({ error: { code: 'ERR_REFRESH_UNAVAILABLE', retryAt: clock.now() + 5_000 } });
    expect(asked).toHaveLength(1);
  });

  test('nobody has to wait for that', async () => {
    const { engine, clock, asked } = found(true);
    startRefresh(engine, 'due');
    await clock.settle();
    expect(asked).toHaveLength(1);
    expect(engine.state.status).toBe('waiting');
  });
});

test('a lock that fails at once is no reason to read the storage', async () => {
  const lock = { run: () => Promise.reject(new Error('no lock')) };
  const { engine, clock, join, served, storage } = oneSession(silence, {}, { lock });
  join();
  startRefresh(engine, 'expired');
  await clock.settle();
  expect(served).toMatchObject({ error: { code: 'ERR_LOCK_LOST' } });
  expect(storage.reads).toBe(0);
});

test('the failure of a peer is not counted as one of ours', async () => {
  const { engine, clock, join, served, storage, of } = oneSession(silence, { retry: { attempts: 1 } });
  storage.stored = encodeRecord({ ...base, failure: failureUntil(clock.now() + 5_000) });
  join();
  startRefresh(engine, 'expired');
  await clock.settle();
  expect(served).toMatchObject({ error: { code: 'ERR_REFRESH_UNAVAILABLE' } });
  expect(engine.failures).toBe(0);
  expect(of('refreshFailed')).toEqual([]);
});

describe('when we hear in mid-request that a peer was faster', () => {
  const once = { retry: { attempts: 1 } };

  test.each([true, false])('a failure refuses nobody; somebody waits: %s', async (isAwaited) => {
    const { engine, clock, join, served, hear } = oneSession(() => {
      hear(usable);
      return busy();
    }, once);
    if (isAwaited) join();
    startRefresh(engine, 'expired');
    await clock.settle();
    expect(served).toEqual(isAwaited ? { token: 'peer-access' } : {});
  });

  test.each([
    ['its newer token is served', usable, 'peer-access'],
    ['ours is served where that has expired', newer, 'new-access'],
  ])('%s', async (_, record, token) => {
    const { engine, clock, join, served, hear } = oneSession(() => {
      hear(record);
      return tokens;
    }, once);
    join();
    startRefresh(engine, 'expired');
    await clock.settle();
    expect(served).toEqual({ token });
  });
});

test('a refresh that comes to nothing leaves no session that seems to be refreshing', async () => {
  const { engine, clock } = oneSession(silence);
  engine.isDisposed = true;
  startRefresh(engine, 'due');
  expect(engine.state.status).toBe('refreshing');
  await clock.settle();
  expect(engine.state.status).toBe('active');
});
