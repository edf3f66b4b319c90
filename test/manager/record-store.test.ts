import { describe, expect, test, vi } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import { type Lease, type Lock, LockError, type Platform, StorageError, type TokenStorage } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager } from '../support/bare-manager.js';
import { recordWith } from '../support/session-records.js';

const NAME = 'evertoken:session';
const record = recordWith(
  {},
  { accessToken: 'access', refreshToken: 'refresh', scopes: [], issuedAt: 1, expiresAt: 2 },
);
const stored = encodeRecord(record);

/** A storage that does as it is told, and remembers how it was called. */
function scripted(members: Partial<TokenStorage> = {}) {
  const calls: unknown[][] = [];
  const noted =
    (name: string, act: ((...args: never[]) => unknown) | undefined) =>
    (...args: unknown[]) => {
      calls.push([name, ...args]);
      return act?.(...(args as never[]));
    };
  const storage = {
    ...members,
    getItem: noted('getItem', members.getItem ?? (() => null)),
    setItem: noted('setItem', members.setItem),
    removeItem: noted('removeItem', members.removeItem),
  } as TokenStorage;
  return { storage, calls };
}

/** Reads without the lock; writes and erases each under a lock of its own, with this fence. */
function recordStore(platform: Partial<Platform>, onLateWrite: () => void = () => undefined) {
  const lease: { fence?: number } = {};
  const run: Lock['run'] = (_name, _signal, task) => task({ signal: new AbortController().signal, ...lease });
  const { store, emitter } = bareManager({ ...platform, lock: { run } }, { storedLate: onLateWrite });
  const reports: unknown[][] = [];
  emitter.on('storageFailed', ({ operation, error }) => reports.push([operation, error.code]));
  const fenced = (fence: number | undefined) => {
    if (fence === undefined) delete lease.fence;
    else lease.fence = fence;
  };
  return {
    reports,
    wasStored: (stored: SessionRecord) => store.wasStored(stored),
    read: () => store.read(),
    write: (written: SessionRecord, fence?: number) => {
      fenced(fence);
      return store.withLock((storage) => storage.write(written));
    },
    erase: (fence?: number) => {
      fenced(fence);
      return store.withLock((storage) => storage.erase());
    },
  };
}

function session(members?: Partial<TokenStorage>) {
  const clock = fakeClock();
  const { storage, calls } = scripted(members);
  const one = recordStore({ storage, clock });
  return { clock, calls, reports: one.reports, session: one };
}

describe('a stored session', () => {
  test('is one string under one name', async () => {
    const { session: one, calls, clock } = session({ getItem: () => stored });
    expect(await one.read()).toEqual({ record, isEnding: false });
    await one.write(record);
    await one.write(record, 7);
    await one.erase();
    await one.erase(8);
    expect(calls).toEqual([
      ['getItem', NAME],
      ['setItem', NAME, stored, undefined],
      ['setItem', NAME, stored, { fence: 7 }],
      ['removeItem', NAME, undefined],
      ['removeItem', NAME, { fence: 8 }],
    ]);
    await clock.settle();
    expect(clock.pending).toBe(0);
  });

  test('was stored when it was read or written, and not before', async () => {
    const reading = session({ getItem: () => stored });
    expect(reading.session.wasStored(record)).toBe(false);
    await reading.session.read();
    expect(reading.session.wasStored(record)).toBe(true);
    expect(reading.session.wasStored({ ...record, sessionId: 'other' })).toBe(false);
    const writing = session();
    await writing.session.write(record);
    expect(writing.session.wasStored(record)).toBe(true);
    const failing = session({ setItem: () => Promise.reject(new Error('full')) });
    await failing.session.write(record).catch(() => undefined);
    expect(failing.session.wasStored(record)).toBe(false);
  });

  test.each([null, undefined])('nothing is there when %s is', async (value) => {
    const { session: one, reports } = session({ getItem: () => value as null });
    expect(await one.read()).toEqual({ record: undefined, isEnding: false });
    expect(reports).toEqual([]);
  });

  const operations = [
    ['read', 'getItem', 'ERR_STORAGE_READ'],
    ['write', 'setItem', 'ERR_STORAGE_WRITE'],
    ['remove', 'removeItem', 'ERR_STORAGE_WRITE'],
  ] as const;
  const failures: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('the disk is on fire');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the disk is on fire'))],
    ['never answers', () => new Promise(() => 0)],
  ];
  for (const [operation, method, code] of operations) {
    test.each(failures)(
      `${operation}: a storage that %s is a typed error within 5 s, reported once`,
      async (how, fail) => {
        const { session: one, clock, reports } = session({ [method]: fail });
        const run = {
          read: () => one.read(),
          write: () => one.write(record),
          remove: () => one.erase(),
        };
        const from = clock.now();
        const error = await clock.runUntil(
          run[operation]().then(
            () => undefined,
            (reason) => reason,
          ),
        );
        expect(error).toMatchObject({ name: 'StorageError', code });
        expect(error.message).toContain(`to ${operation} '${NAME}' within 5000 ms`);
        expect(error.message).toContain(how === 'never answers' ? 'did not answer' : 'it failed');
        expect(error.cause?.message).toBe(how === 'never answers' ? undefined : 'the disk is on fire');
        expect(clock.now() - from).toBe(how === 'never answers' ? 5_000 : 0);
        expect(reports).toEqual([[operation, code]]);
      },
    );

    test(`${operation}: an error of ours is passed on as it is`, async () => {
      const own = new StorageError('ERR_STORAGE_WRITE', 'Expected fence 8, got 7.');
      const { session: one, reports } = session({ [method]: () => Promise.reject(own) });
      const run = {
        read: () => one.read(),
        write: () => one.write(record),
        remove: () => one.erase(),
      };
      await expect(run[operation]()).rejects.toBe(own);
      expect(reports).toEqual([[operation, own.code]]);
    });
  }

  test('a write that is done after it was given up is told: it may have gone over a newer one; a read is not', async () => {
    const clock = fakeClock();
    const late = () => new Promise<null>((resolve) => clock.after(9_000, () => resolve(null)));
    const onLateWrite = vi.fn();
    const { storage } = scripted({ getItem: late, setItem: late, removeItem: late });
    const one = recordStore({ storage, clock }, onLateWrite);
    one.read().catch(() => undefined);
    await clock.advance(20_000);
    expect(onLateWrite).not.toHaveBeenCalled();
    one.write(record).catch(() => undefined);
    await clock.advance(8_999);
    expect(onLateWrite).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(onLateWrite).toHaveBeenCalledTimes(1);
    one.erase().catch(() => undefined);
    await clock.advance(20_000);
    expect(onLateWrite).toHaveBeenCalledTimes(2);
  });

  test('damage is told once for each damaged text', async () => {
    let text = 'x';
    const { session: one, reports } = session({ getItem: () => text });
    for (let time = 0; time < 3; time++) {
      const found = await one.read();
      expect(found).toMatchObject({ record: undefined, isForeign: false, damage: { code: 'ERR_STORAGE_CORRUPT' } });
      expect(found.damage?.message).toContain('damaged or foreign');
    }
    expect(reports).toEqual([['read', 'ERR_STORAGE_CORRUPT']]);
    text = 'y';
    await one.read();
    await one.read();
    expect(reports).toHaveLength(2);
  });

  test('a newer version is told from damage', async () => {
    const { session: one } = session({ getItem: () => stored.replace(':1,', ':2,') });
    const found = await one.read();
    expect(found).toMatchObject({ record: undefined, isForeign: true, damage: { code: 'ERR_STORAGE_CORRUPT' } });
    expect(found.damage?.message).toContain('newer version');
  });

  test('a storage that says itself that all of it is damaged is believed, and told once', async () => {
    const damage = new StorageError('ERR_STORAGE_CORRUPT', 'Expected a file of ours.');
    const { session: one, reports } = session({ getItem: () => Promise.reject(damage) });
    for (let time = 0; time < 3; time++) expect(await one.read()).toEqual({ record: undefined, damage });
    expect(reports).toEqual([['read', 'ERR_STORAGE_CORRUPT']]);
  });

  test('a storage that fell back to memory says so, once, after a read', async () => {
    const fault = new StorageError('ERR_STORAGE_READ', 'an opaque origin');
    const { session: one, reports } = session({ fault });
    await one.read();
    await one.read();
    expect(reports).toEqual([['read', 'ERR_STORAGE_READ']]);
  });
});

describe('the right to write', () => {
  const lease: Lease = { signal: new AbortController().signal };

  function locked(run: Lock['run'], storage = scripted().storage) {
    const clock = fakeClock();
    const reports: unknown[][] = [];
    const { store, emitter } = bareManager({ clock, lock: { run }, storage });
    emitter.on('storageFailed', ({ operation, error }) => reports.push([operation, error.code]));
    return { clock, reports, store };
  }
  const grant: Lock['run'] = (_name, _signal, task) => task(lease);

  test('is asked for by name, with a signal and the longest time it may be held', async () => {
    const asked: unknown[][] = [];
    const { store, clock } = locked((name, signal, task, options) => {
      asked.push([name, signal.aborted, options]);
      return task(lease);
    });
    expect(await store.withLock(async (held) => [held.isExclusive, held.isLost()])).toEqual([true, false]);
    expect(asked).toEqual([[NAME, false, { holdMs: 13_000 }]]);
    expect(clock.pending).toBe(0);
  });

  test('is lost to whoever has the lock to itself as soon as it is granted here again, also before the lease says so', async () => {
    for (const exclusive of [true, false]) {
      const { store } = locked((_name, _signal, task) => task({ ...lease, exclusive }));
      await store.withLock(async (frozen) => {
        expect(frozen.isExclusive).toBe(exclusive);
        await store.withLock(async (held) => {
          expect([held.isLost(), frozen.isLost()]).toEqual([false, exclusive]);
          if (exclusive) await expect(frozen.write(record)).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
          else await frozen.write(record);
        });
      });
    }
  });

  test('writes with the fence of its lease, and without one where there is none', async () => {
    for (const fence of [undefined, 4]) {
      const { storage, calls } = scripted();
      const fenced: Lock['run'] = (_name, _signal, task) => task({ ...lease, ...(fence && { fence }) });
      await locked(fenced, storage).store.withLock(async (held) => {
        await held.write(record);
        await held.erase();
      });
      const options = fence && { fence };
      expect(calls).toEqual([
        ['setItem', NAME, stored, options],
        ['removeItem', NAME, options],
      ]);
    }
  });

  test('what the task throws is what comes out, after the lock is released', async () => {
    const order: string[] = [];
    const { store } = locked(async (_name, _signal, task) => {
      await task(lease).catch(() => order.push('the lock saw it fail'));
      order.push('released');
      return undefined as never;
    });
    const fault = new Error('task');
    await expect(store.withLock(() => Promise.reject(fault)).finally(() => order.push('told'))).rejects.toBe(fault);
    expect(order).toEqual(['released', 'told']);
  });

  test('faults of the storage are reported after the lock is released, in order', async () => {
    const order: unknown[] = [];
    const fails = () => Promise.reject(new Error('no'));
    const { storage } = scripted({ getItem: fails, setItem: fails, removeItem: fails });
    const { store, reports } = locked(async (_name, _signal, task) => {
      const result = await task(lease);
      order.push(...reports, 'released');
      return result;
    }, storage);
    await store.withLock(async (held) => {
      for (const call of [held.read, () => held.write(record), held.erase]) await call().catch(() => undefined);
    });
    expect(order).toEqual(['released']);
    expect(reports).toEqual([
      ['read', 'ERR_STORAGE_READ'],
      ['write', 'ERR_STORAGE_WRITE'],
      ['remove', 'ERR_STORAGE_WRITE'],
    ]);
  });

  test('reading needs no lock, and its faults are reported at once', async () => {
    let asked = 0;
    const run: Lock['run'] = (...args) => {
      asked++;
      return grant(...args);
    };
    const { storage } = scripted({ getItem: () => Promise.reject(new Error('no')) });
    const { store, reports } = locked(run, storage);
    await expect(store.read()).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
    expect(reports).toEqual([['read', 'ERR_STORAGE_READ']]);
    expect(asked).toBe(0);
  });

  describe('a lock', () => {
    /** What comes of asking this lock, when, and whether the task ran. */
    async function ask(run: (clock: ReturnType<typeof fakeClock>) => Lock['run'], work = async () => 'done') {
      const clock = fakeClock();
      const task = vi.fn(work);
      const { store } = bareManager({ clock, lock: { run: run(clock) } });
      const from = clock.now();
      const outcome = await clock.runUntil(store.withLock(task).catch((error: unknown) => error as Error));
      const afterMs = clock.now() - from;
      await clock.advance(60_000);
      return { outcome, afterMs, ran: task.mock.calls.length, pending: clock.pending };
    }

    test('that never grants is given up after the bound, told so, and asked no more', async () => {
      let given: AbortSignal | undefined;
      const { outcome, afterMs, ran, pending } = await ask(() => (_name, signal) => {
        given = signal;
        return new Promise(() => 0);
      });
      expect(outcome).toBeInstanceOf(LockError);
      expect(outcome).toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
      expect((outcome as Error).message).toContain(`'${NAME}' within 15000 ms`);
      expect([afterMs, ran, pending, given?.aborted]).toEqual([15_000, 0, 0, true]);
    });

    test('that grants at the last moment is in time', async () => {
      const { outcome, afterMs, ran } = await ask((clock) => async (_name, _signal, task) => {
        await new Promise<void>((resolve) => clock.after(14_999, resolve));
        return task(lease);
      });
      expect([outcome, afterMs, ran]).toEqual(['done', 14_999, 1]);
    });

    test('that grants after it was given up runs nothing', async () => {
      const { outcome, ran } = await ask((clock) => async (_name, _signal, task) => {
        await new Promise<void>((resolve) => clock.after(15_001, resolve));
        return task(lease);
      });
      expect([(outcome as { code?: string }).code, ran]).toEqual(['ERR_LOCK_TIMEOUT', 0]);
    });

    test.each([
      [
        'throws',
        () => {
          throw new TypeError('no locks here');
        },
      ],
      ['rejects', () => Promise.reject(new TypeError('no locks here'))],
    ])('that %s is a typed error with a cause', async (_, run) => {
      const { outcome, afterMs, ran, pending } = await ask(() => run as Lock['run']);
      expect(outcome).toMatchObject({ name: 'LockError', code: 'ERR_LOCK_LOST' });
      expect((outcome as Error).message).toBe(
        `Expected the lock '${NAME}' to be granted, but it failed (no locks here); try again.`,
      );
      expect((outcome as Error).cause).toMatchObject({ name: 'TypeError', message: 'no locks here' });
      expect([afterMs, ran, pending]).toEqual([0, 0, 0]);
    });

    test('that resolves without having run the task is a typed error', async () => {
      const { outcome, ran, pending } = await ask(() => async () => undefined as never);
      expect(outcome).toMatchObject({ name: 'LockError', code: 'ERR_LOCK_LOST' });
      expect((outcome as Error).message).toBe(
        `Expected the lock '${NAME}' to be granted, but it settled without that; try again.`,
      );
      expect(outcome).not.toHaveProperty('cause');
      expect([ran, pending]).toEqual([0, 0]);
    });

    test('that fails after the task was done does not undo it', async () => {
      const { outcome, ran } = await ask(() => async (_name, _signal, task) => {
        await task(lease);
        throw new Error('release');
      });
      expect([outcome, ran]).toEqual(['done', 1]);
    });

    test('that does not come back from its release holds nobody longer than 5 s', async () => {
      const { outcome, afterMs, pending } = await ask(() => async (_name, _signal, task) => {
        await task(lease);
        return new Promise<never>(() => 0);
      });
      expect([outcome, afterMs, pending]).toEqual(['done', 5_000, 0]);
    });

    test('that is held is held as long as the task takes', async () => {
      const clockOf: { clock?: ReturnType<typeof fakeClock> } = {};
      const { outcome, afterMs } = await ask(
        (clock) => {
          clockOf.clock = clock;
          return grant;
        },
        async () => {
          await new Promise<void>((resolve) => clockOf.clock?.after(40_000, resolve));
          return 'done';
        },
      );
      expect([outcome, afterMs]).toEqual(['done', 40_000]);
    });
  });
});
