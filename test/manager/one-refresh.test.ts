import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import { oneSession } from '../support/one-session.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const base = recordWith();
const newer = recordWith({ revision: 5 }, { accessToken: 'peer-access', refreshToken: 'peer-refresh' });
const usable = recordWith({ revision: 5 }, { accessToken: 'peer-access', expiresAt: undefined });
const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60 };
const refused = () => Response.json({ error: 'invalid_grant' }, { status: 400 });
const busy = () => new Response('', { status: 503 });
/** The cool-down after one failure in a row, with chance in the middle; after two it is 1 250. */
const QUIET_AFTER_ONE_MS = 750;
const silence = () => new Promise<never>(() => undefined);

test('where nobody is signed in, no refresh starts', () => {
  const { refresher, session, events } = oneSession(silence);
  session.dispatch({ type: 'ended', reason: 'ended' });
  events.length = 0;
  refresher.start('asked');
  expect(refresher.isRunning).toBe(false);
  expect(events).toEqual([]);
});

test('the event of a refresh says how long it took', async () => {
  const { refresher, clock, of } = oneSession(async () => {
    await new Promise<void>((resolve) => clock.after(700, resolve));
    return tokens;
  });
  refresher.start('due');
  await clock.advance(700);
  expect(of('refreshed')).toMatchObject([{ durationMs: 700, reason: 'due', attempts: 1, by: 'us' }]);
});

describe('a refresh that waits for its next attempt', () => {
  test('is over at once when the session is ended, and leaves no timer', async () => {
    const { refresher, clock, of, asked } = oneSession(busy);
    refresher.start('due');
    await clock.settle();
    expect(clock.pending).toBe(1);
    void refresher.detach();
    await clock.settle();
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(of('refreshStarted')).toHaveLength(1);
  });

  test('is over at once after dispose()', async () => {
    const { refresher, manager, clock, of } = oneSession(busy);
    refresher.start('due');
    await clock.settle();
    manager.dispose();
    await clock.settle();
    expect(refresher.isRunning).toBe(false);
    expect(clock.pending).toBe(0);
    expect(of('refreshStarted')).toHaveLength(1);
  });

  test('goes on when what a peer has stored meanwhile has expired, too', async () => {
    const { refresher, clock, wait, hear, served, asked, storage } = oneSession((calls) =>
      calls > 1 ? tokens : busy(),
    );
    wait();
    refresher.start('expired');
    await clock.settle();
    storage.stored = encodeRecord(newer);
    hear(newer);
    await clock.advance(1_000);
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['old-refresh-token-1', 'peer-refresh']);
    expect(served).toEqual({ token: 'new-access' });
  });

  test('is over when a peer was faster, also with nobody waiting', async () => {
    const { refresher, clock, hear, asked } = oneSession(busy);
    refresher.start('due');
    await clock.settle();
    hear(usable);
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(refresher.isRunning).toBe(false);
    // our failures in a row begin anew: what comes next is as quiet as after the first one
    refresher.start('due');
    await clock.settle();
    expect(asked).toHaveLength(2);
    expect(refresher.quietUntil - clock.now()).toBe(QUIET_AFTER_ONE_MS);
  });
});

describe('a pause that the server names while a refresh waits for its next attempt', () => {
  /** The note of an errand of a peer, which was told to wait. */
  const noted = (retryAt: number, named: boolean) => ({
    ...base,
    notes: 1,
    others: {},
    failure: failureUntil(retryAt, named),
  });
  const both = ['expired', 'asked'] as const;

  test.each(both)('holds it back, also where it was asked for on purpose: %s', async (reason) => {
    const { refresher, session, clock, wait, hear, served, asked, storage } = oneSession((calls) =>
      calls > 1 ? tokens : busy(),
    );
    wait();
    refresher.start(reason);
    await clock.settle();
    const retryAt = clock.now() + 30_000;
    const note = noted(retryAt, true);
    storage.stored = encodeRecord(note);
    hear(note);
    await clock.advance(5_000);
    expect(served).toMatchObject({ error: { code: 'ERR_REFRESH_UNAVAILABLE', retryAt } });
    expect(asked).toHaveLength(1);
    expect(session.snapshot).toMatchObject({ retryAt, refreshing: false });
  });
});

describe('a refresh that was let go of', () => {
  test('does not end the one that follows it', async () => {
    const { refresher, session, clock, asked } = oneSession(silence);
    refresher.start('due');
    await clock.settle();
    void refresher.detach();
    refresher.start('due');
    await clock.settle();
    expect(refresher.isRunning).toBe(true);
    expect(session.state.status).toBe('refreshing');
    refresher.start('due');
    await clock.settle();
    expect(asked).toHaveLength(2);
  });

  test.each([
    [0, 'stored when it is over'],
    [1, 'left to the alarm while it is quiet'],
  ])('tokens that came late meanwhile: %i ms of quiet left, %s', async (quietMs) => {
    const { refresher, manager, session, clock, storage, events, of } = oneSession((calls) =>
      calls > 1 ? silence() : tokens,
    );
    refresher.start('due');
    await clock.settle();
    events.length = 0;
    clock.set(refresher.quietUntil - quietMs);
    refresher.start('asked');
    void refresher.detach();
    manager.unstored.put(session.record, usable.tokens);
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
    const { refresher, clock, wait, served, of } = found(false);
    wait();
    refresher.start('asked');
    await clock.settle();
    expect(served).toEqual({ token: 'new-access' });
    expect(of('refreshStarted')).toMatchObject([{ reason: 'asked' }, { reason: 'expired', attempt: 2 }]);
  });

  test.each([
    ['asked', true],
    ['expired', false],
    ['expired', true],
  ] as const)('the pause holds: %s, named by the server: %s', async (reason, isNamed) => {
    const { refresher, clock, wait, served, asked } = found(isNamed);
    wait();
    refresher.start(reason);
    await clock.settle();
    expect(served).toMatchObject({ error: { code: 'ERR_REFRESH_UNAVAILABLE', retryAt: clock.now() + 5_000 } });
    expect(asked).toHaveLength(1);
  });

  test('nobody has to wait for that', async () => {
    const { refresher, session, clock, asked } = found(true);
    refresher.start('due');
    await clock.settle();
    expect(asked).toHaveLength(1);
    expect(session.state.status).toBe('waiting');
  });
});

test('a lock that fails at once is no reason to read the storage', async () => {
  const lock = { run: () => Promise.reject(new Error('no lock')) };
  const { refresher, clock, wait, served, storage } = oneSession(silence, {}, { lock });
  wait();
  refresher.start('expired');
  await clock.settle();
  expect(served).toMatchObject({ error: { code: 'ERR_LOCK_LOST' } });
  expect(storage.reads).toBe(0);
});

test('the failure of a peer is not counted as one of ours', async () => {
  const session = oneSession(busy, { retry: { attempts: 1 } });
  const { refresher, clock, wait, served, asked, storage, of } = session;
  storage.stored = encodeRecord({ ...base, failure: failureUntil(clock.now() + 5_000) });
  wait();
  refresher.start('expired');
  await clock.settle();
  expect(served).toMatchObject({ error: { code: 'ERR_REFRESH_UNAVAILABLE' } });
  expect(of('refreshFailed')).toHaveLength(1); // every refresh that is told has an end
  expect(asked).toEqual([]);
  // the first failure of ours is the first one
  clock.set(clock.now() + 5_000);
  refresher.start('expired');
  await clock.settle();
  expect(of('refreshFailed')).toHaveLength(2);
  expect(refresher.quietUntil - clock.now()).toBe(QUIET_AFTER_ONE_MS);
});

describe('when we hear in mid-request that a peer was faster', () => {
  const once = { retry: { attempts: 1 } };

  test.each([true, false])('a failure refuses nobody; somebody waits: %s', async (isAwaited) => {
    const { refresher, clock, wait, served, hear } = oneSession(() => {
      hear(usable);
      return busy();
    }, once);
    if (isAwaited) wait();
    refresher.start('expired');
    await clock.settle();
    expect(served).toEqual(isAwaited ? { token: 'peer-access' } : {});
  });

  test.each([
    ['its newer token is served', usable, 'peer-access'],
    ['ours is served where that has expired', newer, 'new-access'],
  ])('%s', async (_, record, token) => {
    const { refresher, clock, wait, served, hear } = oneSession(() => {
      hear(record);
      return tokens;
    }, once);
    wait();
    refresher.start('expired');
    await clock.settle();
    expect(served).toEqual({ token });
  });

  test('a Retry-After that comes after that holds for its tokens, also where they are refused, and is stored with them', async () => {
    const told = () => new Response('', { status: 429, headers: { 'Retry-After': '30' } });
    const { manager, refresher, session, clock, wait, served, hear, asked, storage } = oneSession((calls) => {
      if (calls > 1) return tokens;
      storage.stored = encodeRecord(usable);
      hear(usable);
      return told();
    }, once);
    const retryAt = clock.now() + 30_000;
    wait();
    refresher.start('expired');
    await clock.settle();
    expect(served).toEqual({ token: 'peer-access' });
    expect(session.snapshot).toMatchObject({ status: 'active', retryAt });
    await expect(manager.accessTokens.replace('peer-access')).rejects.toMatchObject({ retryAt });
    await clock.advance(5_000);
    expect(JSON.parse(storage.stored)).toMatchObject({ accessToken: 'peer-access', failure: { retryAt, named: true } });
    await clock.advance(24_999);
    await expect(manager.accessTokens.replace('peer-access')).rejects.toMatchObject({ retryAt });
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(await clock.runUntil(manager.accessTokens.replace('peer-access'))).toBe('new-access');
  });
});

test('a refresh that comes to nothing leaves no session that seems to be refreshing', async () => {
  const { manager, refresher, session, clock } = oneSession(silence);
  manager.dispose();
  refresher.start('due');
  expect(session.state.status).toBe('refreshing');
  await clock.settle();
  expect(session.state.status).toBe('active');
});
