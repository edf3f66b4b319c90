import { describe, expect, test, vi } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord, StoredFailure } from '../../src/core/session-record.js';
import type { Lock, TokenStorage } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager } from '../support/bare-manager.js';
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

const NAME = 'evertoken:session';

/** Reconciles once: a session that is held, and what is stored meanwhile. */
async function reconcileOnce(
  held: SessionRecord | undefined,
  stored: string | ((now: number) => SessionRecord | undefined) | undefined,
  { wasStored = false, endedId }: { wasStored?: boolean; endedId?: string } = {},
) {
  const clock = fakeClock();
  const start = typeof stored === 'function' ? stored(clock.now() + 1_000) : undefined;
  const text = typeof stored === 'string' ? stored : start && encodeRecord(start);
  const items = new Map<string, string>();
  const written: string[] = [];
  const storage: TokenStorage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => {
      written.push(value);
      items.set(key, value);
    },
    removeItem: (key) => void items.delete(key),
  };
  const { session, store, reconciler } = bareManager({ clock, storage, random: () => 0.999_999_999 });
  if (held) {
    session.dispatch({ type: 'started', record: held, from: 'sign-in' });
  } else {
    session.dispatch({ type: 'found', record: undefined, wasStored: false });
  }
  if (held && wasStored) {
    items.set(NAME, encodeRecord(held));
    await store.read();
    items.clear();
  }
  if (text !== undefined) items.set(NAME, text);
  if (endedId !== undefined) store.bury([endedId]);
  const now = clock.now() + 1_000;
  reconciler.schedule();
  await clock.advance(1_000);
  expect(clock.now()).toBe(now);
  await clock.settle();
  const pending = clock.pending;
  return { written: written.map((value) => JSON.parse(value) as SessionRecord), items, pending };
}

describe('the reconciler', () => {
  test('is planned once, however much has failed, and not after the end', () => {
    const clock = fakeClock();
    const one = bareManager({ clock });
    for (const id of ['one', 'two', 'three']) {
      one.store.bury([id]);
      one.reconciler.schedule();
    }
    expect(clock.pending).toBe(1);
    const over = bareManager({ clock });
    over.dispose();
    over.reconciler.schedule();
    expect(clock.pending).toBe(1);
    one.dispose();
    expect(clock.pending).toBe(0);
  });

  test('is waited for by settled() until its first repair is done, and no longer after the end', async () => {
    for (const isDisposed of [false, true]) {
      const clock = fakeClock();
      const { work, reconciler } = bareManager({ clock });
      reconciler.schedule();
      let isSettled = false;
      void work.settled(60_000).then(() => {
        isSettled = true;
      });
      await clock.advance(100);
      expect(isSettled).toBe(false);
      if (isDisposed) reconciler.dispose();
      else await clock.advance(1_000);
      await clock.settle();
      expect(isSettled).toBe(true);
    }
  });

  test('is waited for by settled() no longer than its first repair, where that fails', async () => {
    const clock = fakeClock();
    const getItem = () => Promise.reject(new Error('broken'));
    const storage: TokenStorage = { getItem, setItem: () => undefined, removeItem: () => undefined };
    const { work, reconciler } = bareManager({ clock, storage });
    reconciler.schedule();
    let isSettled = false;
    void work.settled(60_000).then(() => {
      isSettled = true;
    });
    await clock.advance(1_000);
    expect(isSettled).toBe(true);
    expect(clock.nextAt).not.toBe(undefined); // the next repair is planned all the same
    let isSettledAgain = false;
    void work.settled(60_000).then(() => {
      isSettledAgain = true;
    });
    await clock.settle();
    expect(isSettledAgain).toBe(true);
  });

  test('tells the peers of what it has changed, and of nothing else', async () => {
    const announcedBy = async (held: SessionRecord | undefined, stored: SessionRecord | undefined) => {
      const clock = fakeClock();
      const announced: string[] = [];
      const text = stored ? encodeRecord(stored) : null;
      const storage: TokenStorage = { getItem: () => text, setItem: () => undefined, removeItem: () => undefined };
      const channel = { announce: (key: string) => void announced.push(key), subscribe: () => () => undefined };
      const { session, reconciler } = bareManager({ clock, storage, channel });
      if (held) session.dispatch({ type: 'started', record: held, from: 'sign-in' });
      reconciler.schedule();
      await clock.advance(1_000);
      return announced;
    };
    expect(await announcedBy(record('one', 5), record('one', 4))).toEqual([NAME]);
    expect(await announcedBy(record('one', 5), undefined)).toEqual([NAME]);
    expect(await announcedBy(record('one', 5), record('one', 5))).toEqual([]);
    expect(await announcedBy(record('one', 5), record('two', 6))).toEqual([]);
    expect(await announcedBy(undefined, undefined)).toEqual([]);
  });

  test('has nothing to do where nothing is stored and nobody is signed in', async () => {
    expect(await reconcileOnce(undefined, undefined, { endedId: 'one' })).toMatchObject({ written: [], pending: 0 });
  });

  test('leaves alone what a newer version has written', async () => {
    expect((await reconcileOnce(record('one', 5), '{"evertoken":99}')).written).toEqual([]);
  });

  test('stores a session that never got there, over an older one and over nothing', async () => {
    expect((await reconcileOnce(record('one', 5), () => record('two', 4))).written).toMatchObject([
      { sessionId: 'one' },
    ]);
    expect((await reconcileOnce(record('one', 5), undefined)).written).toMatchObject([{ sessionId: 'one' }]);
  });

  test.each([
    ['one that is as new', 5],
    ['one that is newer', 6],
  ])('does not store it over another session: %s', async (_, revision) => {
    expect((await reconcileOnce(record('one', 5), () => record('two', revision))).written).toEqual([]);
  });

  test('does not bring back a session that was stored and that another one has replaced, or that was ended', async () => {
    expect((await reconcileOnce(record('one', 5), () => record('two', 4), { wasStored: true })).written).toEqual([]);
    expect((await reconcileOnce(record('one', 5), undefined, { wasStored: true })).written).toEqual([]);
  });

  test.each([
    ['older', 4, 1],
    ['the same', 5, 0],
    ['newer', 6, 0],
  ])('of the same session stores newer tokens alone: what is stored is %s', async (_, revision, writes) => {
    expect(
      (await reconcileOnce(record('one', 5), () => record('one', revision), { wasStored: true })).written,
    ).toHaveLength(writes);
  });

  test.each([
    ['is ahead', 1, 1],
    ['is over by now', 0, undefined],
    ['was over before', -500, undefined],
  ])('takes over the pause a peer was told to make: one that %s', async (_, ahead, expected) => {
    let at = 0;
    const { written } = await reconcileOnce(record('one', 5), (now) => {
      at = now;
      return record('one', 4, paused(now + ahead));
    });
    expect(written).toHaveLength(1);
    expect(written[0]?.failure?.retryAt).toBe(expected && at + expected);
  });

  test.each([undefined, record('two', 5)])(
    'clears what is left of a session that has ended here: held is %j',
    async (held) => {
      const { written, items } = await reconcileOnce(held, () => record('one', 9), { wasStored: true, endedId: 'one' });
      expect(written).toMatchObject(held ? [{ sessionId: 'two' }] : []);
      expect([...items.keys()]).toEqual(held ? [NAME] : []);
    },
  );

  test('keeps its own pause where that is the longer one', async () => {
    const far = fakeClock().now() + 60_000;
    const { written } = await reconcileOnce(record('one', 5, paused(far)), (now) => record('one', 4, paused(now + 50)));
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
    const { store } = bareManager({ clock: fakeClock(), lock: { run }, storage });
    const outcome = store.withLock((locked) => locked[method](record('one', 1)));
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
    const stored = encodeRecord(record('one', 1));
    const storage: TokenStorage = { getItem: () => stored, setItem: slow, removeItem: slow };
    let late = 0;
    const { store } = bareManager({ clock, storage }, { storedLate: () => late++ });
    await store.read();
    expect(store.wasStored(record('one', 1))).toBe(true);
    const outcome = store.withLock((locked) => locked[method](record('one', 1))).catch((error) => error);
    await clock.advance(10_000);
    expect(await outcome).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(late).toBe(1);
    expect(store.wasStored(record('one', 1))).toBe(isKnown);
  });
});

test('a record is not past for being older, or ended, while its session is the one that is held', () => {
  const { store } = bareManager({});
  for (const id of ['one', 'three']) store.bury([id]);
  const held = record('one', 5);
  const standing = (id: string, revision: number) => store.standing(held, record(id, revision));
  // of the session that is held, whatever its age: nothing says that it was replaced elsewhere
  expect([4, 5, 6].map((revision) => standing('one', revision))).toEqual(['held', 'held', 'held']);
  expect(['two', 'three'].map((id) => standing(id, 6))).toEqual(['found', 'held']);
  expect(standing('two', 4)).toBe('held');
});

test('signing out remembers the sign-ins under way, whatever becomes of them', () => {
  const lock: Lock = { run: () => new Promise(() => undefined) };
  const { commands, pending, store } = bareManager({ clock: fakeClock(), lock });
  const begun = vi.spyOn(pending, 'beginStart');
  for (const token of ['one', 'two']) void commands.start({ access_token: token, token_type: 'Bearer' });
  const ids = begun.mock.calls.flat();
  expect(new Set(ids).size).toBe(2);
  const isBuried = () => ids.map((sessionId) => store.isBuried(record(sessionId, 1)));
  expect(isBuried()).toEqual([false, false]);
  void commands.end();
  expect(isBuried()).toEqual([true, true]);
});

test('sign-ins that are over are remembered no more', async () => {
  const { commands, pending } = bareManager({ clock: fakeClock() });
  for (const token of ['one', 'two']) await commands.start({ access_token: token, token_type: 'Bearer' });
  expect(pending.beginEnd().startingIds).toEqual([]);
});

test('a repair that finds a newer session in the storage has the manager follow it, also where no peer is heard', async () => {
  const clock = fakeClock();
  const [held, newer] = [record('held', 1), record('newer', 2)];
  const storage = { getItem: () => encodeRecord(newer), setItem: () => undefined, removeItem: () => undefined };
  const { session, reconciler } = bareManager({ clock, storage });
  session.dispatch({ type: 'started', record: held, from: 'sign-in' });
  reconciler.schedule();
  await clock.advance(1_100);
  expect(session.record?.sessionId).toBe('newer');
});
