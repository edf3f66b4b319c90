import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord, StoredFailure } from '../../src/core/session-record.js';
import type { Lock, TokenStorage } from '../../src/index.js';
import { withSlot } from '../../src/manager/persistence.js';
import { repair } from '../../src/manager/repair.js';
import { endSession, startSession } from '../../src/manager/session-commands.js';
import { hasSeen, isPast } from '../../src/manager/stored-session.js';
import { fakeClock } from '../../src/testing.js';
import { bareEngine } from '../support/engine.js';
import { recordWith } from '../support/session-records.js';

const tokens = {
  accessToken: 'a',
  refreshToken: 'r',
  idToken: undefined,
  scopes: [],
  issuedAt: 0,
  expiresAt: undefined,
};
const record = (sessionId: string, revision: number, failure?: StoredFailure): SessionRecord =>
  recordWith({ sessionId, revision, failure, attemptId: 'first' }, tokens);
const paused = (retryAt: number): StoredFailure => ({
  code: 'ERR_REFRESH_NETWORK',
  status: 503,
  oauthError: undefined,
  retryAt,
  named: true,
  count: 1,
});

/** Repairs once: a session that is held, and what is stored meanwhile. */
async function mend(
  held: SessionRecord | undefined,
  stored: string | ((now: number) => SessionRecord | undefined) | undefined,
  { isSeen = false, endedId }: { isSeen?: boolean; endedId?: string } = {},
) {
  const clock = fakeClock();
  const start = typeof stored === 'function' ? stored(clock.now() + 1_000) : undefined;
  const text = typeof stored === 'string' ? stored : start && encodeRecord(start);
  const items = new Map(text === undefined ? [] : [['evertoken:session', text]]);
  const written: string[] = [];
  const storage: TokenStorage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => {
      written.push(value);
      items.set(key, value);
    },
    removeItem: (key) => void items.delete(key),
  };
  const engine = bareEngine({ clock, storage, random: () => 0.999_999_999 });
  engine.state = held
    ? { status: 'active', revision: held.revision, record: held }
    : { status: 'none', revision: 1, endedId };
  if (held && isSeen) engine.seen = new Set([held.sessionId]);
  const now = clock.now() + 1_000;
  repair(engine, endedId);
  await clock.advance(1_000);
  expect(clock.now()).toBe(now);
  await clock.settle();
  const pending = clock.pending;
  return { written: written.map((value) => JSON.parse(value) as SessionRecord), items, pending };
}

describe('a repair', () => {
  test('is planned once, however much has failed, and not after the end', () => {
    const clock = fakeClock();
    const engine = bareEngine({ clock });
    for (const id of ['one', 'two', 'three']) repair(engine, id);
    expect(clock.pending).toBe(1);
    const over = bareEngine({ clock });
    over.isDisposed = true;
    repair(over, 'one');
    expect(clock.pending).toBe(1);
  });

  test('has nothing to do where nothing is stored and nobody is signed in', async () => {
    expect(await mend(undefined, undefined, { endedId: 'one' })).toMatchObject({ written: [], pending: 0 });
  });

  test('leaves alone what a newer version has written', async () => {
    expect((await mend(record('one', 5), '{"evertoken":99}')).written).toEqual([]);
  });

  test('stores a session that never got there, over an older one and over nothing', async () => {
    expect((await mend(record('one', 5), () => record('two', 4))).written).toMatchObject([{ sessionId: 'one' }]);
    expect((await mend(record('one', 5), undefined)).written).toMatchObject([{ sessionId: 'one' }]);
  });

  test.each([
    ['one that is as new', 5],
    ['one that is newer', 6],
  ])('does not store it over another session: %s', async (_, revision) => {
    expect((await mend(record('one', 5), () => record('two', revision))).written).toEqual([]);
  });

  test('does not bring back a session that was stored and that another one has replaced, or that was ended', async () => {
    expect((await mend(record('one', 5), () => record('two', 4), { isSeen: true })).written).toEqual([]);
    expect((await mend(record('one', 5), undefined, { isSeen: true })).written).toEqual([]);
  });

  test.each([
    ['older', 4, 1],
    ['the same', 5, 0],
    ['newer', 6, 0],
  ])('of the same session stores newer tokens alone: what is stored is %s', async (_, revision, writes) => {
    expect((await mend(record('one', 5), () => record('one', revision), { isSeen: true })).written).toHaveLength(
      writes,
    );
  });

  test.each([
    ['is ahead', 1, 1],
    ['is over by now', 0, undefined],
    ['was over before', -500, undefined],
  ])('takes over the pause a peer was told to make: one that %s', async (_, ahead, expected) => {
    let at = 0;
    const { written } = await mend(record('one', 5), (now) => {
      at = now;
      return record('one', 4, paused(now + ahead));
    });
    expect(written).toHaveLength(1);
    expect(written[0]?.failure?.retryAt).toBe(expected && at + expected);
  });

  test('keeps its own pause where that is the longer one', async () => {
    const far = Date.UTC(2027, 0, 1);
    const { written } = await mend(record('one', 5, paused(far)), (now) => record('one', 4, paused(now + 50)));
    expect(written).toMatchObject([{ failure: { retryAt: far } }]);
  });
});

describe('whoever has lost the lock', () => {
  test.each(['write', 'erase'] as const)('may not %s', async (method) => {
    const run: Lock['run'] = (_name, _signal, task) => task({ signal: AbortSignal.abort() });
    const touched: string[] = [];
    const storage: TokenStorage = {
      getItem: () => null,
      setItem: () => void touched.push('write'),
      removeItem: () => void touched.push('erase'),
    };
    const engine = bareEngine({ clock: fakeClock(), lock: { run }, storage });
    const outcome = withSlot(engine, (slot) => slot[method](record('one', 1)));
    await expect(outcome).rejects.toMatchObject({
      code: 'ERR_LOCK_LOST',
      message: 'Expected to hold the lock until the session was stored, but it was taken over; try again.',
    });
    expect(touched).toEqual([]);
  });
});

describe('a storage that answers late', () => {
  test.each([
    ['write', true],
    ['erase', false],
  ] as const)('after it was to %s', async (method, isKnown) => {
    const clock = fakeClock();
    const slow = () => new Promise<void>((resolve) => clock.after(6_000, resolve));
    const storage: TokenStorage = { getItem: () => null, setItem: slow, removeItem: slow };
    let late = 0;
    const engine = bareEngine({ clock, storage }, { wroteLate: () => late++ });
    engine.seen = new Set(['one']);
    const outcome = withSlot(engine, (slot) => slot[method](record('one', 1))).catch((error) => error);
    await clock.advance(10_000);
    expect(await outcome).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(late).toBe(1);
    expect(hasSeen(engine, record('one', 1))).toBe(isKnown);
  });
});

test('a record is not past for being older, or ended, while its session is the one that is held', () => {
  const engine = bareEngine({});
  engine.ended = new Set(['one', 'three']);
  const held = record('one', 5);
  expect(['one', 'two', 'three'].map((id) => isPast(engine, record(id, 6), held))).toEqual([false, false, true]);
  expect(isPast(engine, record('two', 4), held)).toBe(true);
});

test('signing out remembers the sign-ins under way, whatever becomes of them', async () => {
  const lock: Lock = { run: () => new Promise(() => undefined) };
  const engine = bareEngine({ clock: fakeClock(), lock });
  void startSession(engine, { access_token: 'one', token_type: 'Bearer' });
  const { begun } = engine;
  expect(begun).toHaveLength(1);
  void endSession(engine);
  expect([...(engine.ended ?? [])]).toEqual(begun);
});

test('sign-ins that are over are remembered no more', async () => {
  const engine = bareEngine({ clock: fakeClock() });
  for (const token of ['one', 'two']) await startSession(engine, { access_token: token, token_type: 'Bearer' });
  expect(engine.begun).toEqual([]);
});
