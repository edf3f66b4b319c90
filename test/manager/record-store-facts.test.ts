import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import {
  inProcess,
  type Lock,
  type Marks,
  type Platform,
  type RefreshTokens,
  StorageError,
  type TokenManagerOptions,
  type TokenStorage,
} from '../../src/index.js';
import { isDeath } from '../../src/manager/record-store.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold } from '../support/bare-manager.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const NAME = 'evertoken:session';
const mine = recordWith({ sessionId: 'mine' });
const other = recordWith({ sessionId: 'other', revision: 9 });

/** A record store on a storage whose content the test sees, with marks that outlive a page. */
function records(
  options: Partial<TokenManagerOptions> = {},
  members: Partial<TokenStorage> = {},
  platform: Partial<Platform> = {},
  refresh?: RefreshTokens,
) {
  const clock = fakeClock();
  const items = new Map<string, string>();
  const calls: unknown[][] = [];
  const notes = new Map<string, string | null>();
  let changes = 0;
  const marks: Marks = {
    get: (key) => notes.get(key) ?? null,
    set: (key, value) => {
      changes++;
      notes.set(key, value);
    },
  };
  const storage: TokenStorage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (...call) => {
      calls.push(['set', ...call]);
      items.set(call[0], call[1]);
    },
    removeItem: (...call) => {
      calls.push(['remove', ...call]);
      items.delete(call[0]);
    },
    ...members,
  };
  const manager = bareManager({ clock, storage, marks, ...platform }, {}, refresh, options);
  const reports: unknown[][] = [];
  manager.emitter.on('storageFailed', ({ operation, error }) => reports.push([operation, error.code]));
  const ended = () => notes.get(`${NAME}:ended`);
  return { clock, manager, store: manager.store, items, calls, notes, ended, reports, changes: () => changes };
}

describe('what is stored instead of a session of ours is described, with what to do about it', () => {
  const told = async (text: unknown, refresh?: RefreshTokens, name = NAME) => {
    const { store, items } = records({}, {}, {}, refresh);
    items.set(name, text as string);
    const { damage, isForeign } = await store.read();
    return [damage?.message, isForeign];
  };
  const symbol = Symbol.for('evertoken.owner');
  const owned = (owner: string) =>
    Object.assign(() => Promise.reject(new Error('nobody expected a refresh')), { [symbol]: owner }) as RefreshTokens;

  test('damage, and what a newer version wrote', async () => {
    expect(await told('{"damaged')).toEqual([
      `Expected a session of ours under '${NAME}', but it is damaged or foreign; it is left alone until the next startSession().`,
      false,
    ]);
    expect(await told(encodeRecord(mine).replace(':1,', ':3,'))).toEqual([
      `Expected a session of ours under '${NAME}', but a newer version wrote it; it is left alone until the next startSession().`,
      true,
    ]);
  });

  test('another client’s session', async () => {
    const theirs = encodeRecord({ ...mine, owner: 'them@auth' });
    expect(await told(theirs)).toEqual([
      `Expected a session of an unnamed client under '${NAME}', but it belongs to them@auth; it is left alone until the next startSession(); give each client a key of its own.`,
      true,
    ]);
    expect(await told(theirs, owned('us@auth'), 'evertoken:us@auth')).toEqual([
      "Expected a session of us@auth under 'evertoken:us@auth', but it belongs to them@auth; it is left alone until the next startSession(); give each client a key of its own.",
      true,
    ]);
  });

  test('another client’s session is reported once, however often that refreshes it', async () => {
    const { store, items, reports } = records();
    for (const revision of [1, 2, 3]) {
      items.set(NAME, encodeRecord({ ...mine, revision, owner: 'them@auth' }));
      await store.read();
    }
    expect(reports).toEqual([['read', 'ERR_STORAGE_CORRUPT']]);
  });

  test('something that is no text, which a storage must not make of it', async () => {
    const { store, reports } = records({}, { getItem: () => ({ parsed: true }) as never });
    await expect(store.read()).rejects.toMatchObject({
      code: 'ERR_STORAGE_READ',
      message: `Expected a string or null under '${NAME}', but a value of type object came; the storage must not parse it.`,
    });
    expect(reports).toEqual([['read', 'ERR_STORAGE_READ']]);
  });

  test('a fault of the storage says what was tried, and to try again', async () => {
    const { store } = records({}, { getItem: () => Promise.reject(new Error('the disk is on fire')) });
    await expect(store.read()).rejects.toThrow(
      `Expected the storage to read '${NAME}' within 5000 ms, but it failed; nothing is lost, try again.`,
    );
  });
});

describe('reading', () => {
  test('keeps the mark that a refresh of the held tokens is under way', async () => {
    const { manager, store, items } = records();
    items.set(NAME, encodeRecord(mine));
    hold(manager, { ...mine, unanswered: true });
    expect((await store.read()).record?.unanswered).toBe(true);
  });

  test('leaves out the access token where that is in a cookie', async () => {
    const { store, items } = records({ refreshTokenIn: 'cookie', accessTokenIn: 'cookie' });
    items.set(NAME, encodeRecord(mine));
    expect((await store.read()).record?.tokens.accessToken).toBe('');
  });

  test('tells of a sign-out that has yet to erase what is there, or that left nothing', async () => {
    const { store, items, notes } = records();
    expect(await store.read()).toEqual({ record: undefined, isEnding: false });
    notes.set(`${NAME}:ended`, 'mine');
    expect(await store.read()).toEqual({ record: undefined, isEnding: true });
    items.set(NAME, encodeRecord(mine));
    expect(await store.read()).toEqual({ record: mine, isEnding: true });
    items.set(NAME, encodeRecord(other));
    expect(await store.read()).toEqual({ record: other, isEnding: false });
  });

  test('tells of no sign-out of another page where this one signed out itself', async () => {
    const { store, items } = records();
    items.set(NAME, encodeRecord(mine));
    store.bury(['mine'], true);
    expect((await store.read()).isEnding).toBe(false);
  });

  test('works where the platform has no marks', async () => {
    const { store, items } = records({}, {}, { marks: undefined as never });
    items.set(NAME, encodeRecord(mine));
    store.bury(['mine'], true).unmark();
    expect(await store.read()).toEqual({ record: mine, isEnding: false });
  });
});

describe('the pause of a server that was asked without a session', () => {
  const pause = failureUntil(5_000, true);

  test('is under a key of its own, with the fence', async () => {
    const run: Lock['run'] = (_name, _signal, task) => task({ signal: new AbortController().signal, fence: 4 });
    const { store, calls } = records({}, {}, { lock: { run } });
    await store.withLock(async ({ writePause, readPause }) => {
      expect(await readPause()).toBe(undefined);
      await writePause(pause);
      expect(await readPause()).toEqual(pause);
      await writePause(undefined);
      expect(await readPause()).toBe(undefined);
    });
    expect(calls).toEqual([
      ['set', `${NAME}:pause`, JSON.stringify(pause), { fence: 4 }],
      ['remove', `${NAME}:pause`, { fence: 4 }],
    ]);
  });

  test.each([
    ['cookie', true],
    ['response', false],
  ] as const)('is erased with the session where there is a cookie: %s', async (refreshTokenIn, isErased) => {
    const { store, calls } = records({ refreshTokenIn });
    await store.withLock((storage) => storage.erase());
    const keys = calls.map(([, key]) => key);
    expect(keys).toEqual(isErased ? [NAME, `${NAME}:pause`] : [NAME]);
  });

  test('that cannot be read, written or removed is a fault of that', async () => {
    const broken = () => Promise.reject(new Error('no'));
    const { store, reports } = records({}, { getItem: broken, setItem: broken, removeItem: broken });
    await store.withLock(async ({ readPause, writePause }) => {
      for (const call of [readPause, () => writePause(pause), () => writePause(undefined)]) {
        await expect(call()).rejects.toBeInstanceOf(StorageError);
      }
    });
    expect(reports).toEqual([
      ['read', 'ERR_STORAGE_READ'],
      ['write', 'ERR_STORAGE_WRITE'],
      ['remove', 'ERR_STORAGE_WRITE'],
    ]);
  });
});

describe('a lock that is lost', () => {
  test('lets nothing be written or removed any more', async () => {
    const lost = new AbortController();
    const { store, calls, reports } = records(
      {},
      {},
      { lock: { run: (_n, _s, task) => task({ signal: lost.signal }) } },
    );
    await store.withLock(async ({ write, erase, writePause }) => {
      lost.abort();
      for (const call of [() => write(mine), erase, () => writePause(undefined)]) {
        await expect(call()).rejects.toMatchObject({
          name: 'LockError',
          code: 'ERR_LOCK_LOST',
          message: 'Expected to hold the lock until the session was stored, but it was taken over; try again.',
        });
      }
    });
    expect([calls, reports, store.wasStored(mine)]).toEqual([[], [], false]);
  });
});

describe('a storage that answers after its time', () => {
  const later = (clock: ReturnType<typeof fakeClock>) => () =>
    new Promise<null>((resolve) => clock.after(9_000, () => resolve(null)));

  test('has stored the session all the same, once it says so', async () => {
    const world = records();
    world.manager.settings.platform.storage.setItem = later(world.clock);
    world.store.withLock((storage) => storage.write(mine)).catch(() => undefined);
    await world.clock.advance(5_000);
    expect(world.store.wasStored(mine)).toBe(false);
    await world.clock.advance(4_000);
    expect(world.store.wasStored(mine)).toBe(true);
  });

  test('has removed it: that it is gone proves no longer that a peer did', async () => {
    const world = records();
    const { storage } = world.manager.settings.platform;
    await world.store.withLock((locked) => locked.write(mine));
    storage.getItem = later(world.clock);
    world.store.read().catch(() => undefined);
    await world.clock.advance(10_000);
    expect(world.store.wasStored(mine)).toBe(true);
    storage.removeItem = later(world.clock);
    world.store.withLock((locked) => locked.erase()).catch(() => undefined);
    await world.clock.advance(8_999);
    expect(world.store.wasStored(mine)).toBe(true);
    await world.clock.advance(1);
    expect(world.store.wasStored(mine)).toBe(false);
    await world.store.withLock((locked) => locked.write(mine));
    storage.setItem = later(world.clock);
    world.store.withLock((locked) => locked.write({ ...mine, revision: 5 })).catch(() => undefined);
    await world.clock.advance(10_000);
    expect(world.store.wasStored(mine)).toBe(true);
  });
});

describe('sessions that are buried', () => {
  test('are so for this manager at once, and no others', () => {
    const { store, ended } = records();
    expect(store.isBuried(mine)).toBe(false);
    store.bury(['mine', undefined]);
    expect([store.isBuried(mine), store.isBuried(other), ended()]).toEqual([true, false, undefined]);
    store.bury(['other']);
    expect([store.isBuried(mine), store.isBuried(other)]).toEqual([true, true]);
  });

  test('by a sign-out are marked for other pages, until the marks are taken back; here they stay buried', () => {
    const { store, ended, clock, notes } = records();
    const burial = store.bury(['mine', undefined], true);
    expect(ended()).toBe(`mine <${clock.now() + 1_000}`);
    const page = records();
    page.notes.set(`${NAME}:ended`, ended() ?? null);
    const newer = recordWith({ sessionId: 'newer', revision: clock.now() + 1_000 });
    expect([mine, other, newer].map((record) => page.store.isBuried(record))).toEqual([true, true, false]);
    notes.set(`${NAME}:ended`, `${ended()} of-another-page`);
    burial.unmark();
    expect([ended(), store.isBuried(mine), store.isBuried(other)]).toEqual(['of-another-page', true, false]);
  });

  test('without a sign-out take back no marks of others', () => {
    const { store, ended, notes } = records();
    notes.set(`${NAME}:ended`, 'mine');
    store.bury(['mine']).unmark();
    expect(ended()).toBe('mine');
  });

  test('have no marks any more once one of another name was stored, or nothing is', async () => {
    for (const act of ['write', 'erase'] as const) {
      const { store, ended, notes } = records();
      notes.set(`${NAME}:ended`, 'mine');
      await store.withLock((storage) => (act === 'write' ? storage.write(other) : storage.erase()));
      expect(ended()).toBe(null);
    }
  });

  test('keep their marks while a session is stored that was stored before; nothing is written where none is', async () => {
    const { store, ended, notes, changes } = records();
    await store.withLock((storage) => storage.write(other));
    expect(changes()).toBe(0);
    notes.set(`${NAME}:ended`, 'mine');
    await store.withLock((storage) => storage.write({ ...other, revision: 10 }));
    expect([ended(), changes()]).toEqual(['mine', 0]);
  });
});

describe('which of two records is right', () => {
  test('is the one held, the one found or neither, by what is known to have been stored', async () => {
    const { store } = records();
    expect(store.standing(mine, undefined)).toBe('held');
    expect(store.standing(mine, { ...mine, revision: 4 })).toBe('found');
    expect(store.standing(undefined, mine)).toBe('found');
    await store.withLock((storage) => storage.write(mine));
    expect(store.standing(mine, undefined)).toBe('neither');
    expect(store.standing(mine, recordWith({ sessionId: 'older', revision: 1 }))).toBe('found');
  });

  test('is not the one that was buried here', () => {
    const { store } = records();
    store.bury(['other']);
    expect([store.standing(mine, other), store.standing(undefined, other)]).toEqual(['held', 'neither']);
    store.bury(['mine']);
    expect(store.standing(mine, mine)).toBe('held');
  });

  test('is neither where another page signs out of the one found, or of the held one', () => {
    const { store, notes } = records();
    notes.set(`${NAME}:ended`, 'other');
    expect([store.standing(mine, other), store.standing(undefined, other)]).toEqual(['neither', 'neither']);
    expect(store.standing(mine, mine)).toBe('held');
    notes.set(`${NAME}:ended`, 'mine');
    expect([store.standing(mine, mine), store.standing(mine, undefined)]).toEqual(['neither', 'held']);
    expect(store.standing(other, mine)).toBe('held'); // an older one, which is of no interest
  });

  test('is the held one although another page signs out of the found one, where that was buried here', () => {
    const { store, notes } = records();
    store.bury(['other']);
    notes.set(`${NAME}:ended`, 'other');
    expect(store.standing(mine, other)).toBe('held');
    expect(store.standing(other, other)).toBe('held');
  });
});

test('a storage that is dead says so by its own error, and no other error does', () => {
  const fault = new StorageError('ERR_STORAGE_READ', 'dead');
  const { manager } = records({}, { fault });
  expect([isDeath(manager.settings, fault), isDeath(manager.settings, new Error('no'))]).toEqual([true, false]);
  expect(isDeath({ ...manager.settings, platform: inProcess() }, fault)).toBe(false);
});
