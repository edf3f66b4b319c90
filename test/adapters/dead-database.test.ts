import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { indexedDbRegisters } from '../../src/adapters/indexed-db/registers.js';
import { indexedDb } from '../../src/adapters/indexed-db.js';
import { type Databases, stubDatabases } from './support/databases.js';

const key = 'evertoken:session';
const unknown = new DOMException('Internal error opening backing store for indexedDB.open.', 'UnknownError');
const invalid = new DOMException('A mutation operation was attempted on a database.', 'InvalidStateError');

let databases: Databases;
beforeEach(() => {
  databases = stubDatabases();
  vi.stubGlobal('indexedDB', databases.factory);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** What became of a promise, as far as it has got. */
function watch(promise: unknown): { value?: unknown; error?: unknown } {
  const outcome: { value?: unknown; error?: unknown } = {};
  Promise.resolve(promise).then(
    (value) => Object.assign(outcome, { value }),
    (error) => Object.assign(outcome, { error }),
  );
  return outcome;
}

describe.each<[string, Databases['mood'], number]>([
  ['never answers', 'silent', 4_000],
  ['fails with UnknownError', { fails: unknown }, 500],
  ['fails with InvalidStateError', { fails: invalid }, 500],
])('a database whose open() %s', (_, mood, withinMs) => {
  beforeEach(() => {
    databases.mood = mood;
  });

  test('is found dead once: every call is refused with the same error, at once, and so is the lock', async () => {
    const storage = indexedDb();
    const first = watch(storage.getItem(key));
    await vi.advanceTimersByTimeAsync(withinMs);
    expect(first.error).toMatchObject({ name: 'StorageError', code: 'ERR_STORAGE_READ' });
    expect(storage.fault).toBe(first.error);
    const opens = databases.opens;
    const others = [
      storage.getItem(key),
      storage.setItem(key, 'value'),
      storage.removeItem(key),
      indexedDb().getItem(key),
      indexedDbRegisters('evertoken')(`${key}:lock`, () => 1),
    ];
    for (const other of await Promise.allSettled(others)) expect(other).toMatchObject({ reason: first.error });
    expect(databases.opens).toBe(opens);
  });

  test('is asked again once a minute, and whoever asks waits for a second at most', async () => {
    const storage = indexedDb();
    void watch(storage.getItem(key));
    await vi.advanceTimersByTimeAsync(withinMs);
    const opens = databases.opens;
    for (let n = 0; n < 3; n++) {
      await vi.advanceTimersByTimeAsync(58_000);
      const early = watch(storage.getItem(key));
      await vi.advanceTimersByTimeAsync(0);
      expect([early.error, databases.opens]).toEqual([storage.fault, opens + n]);
      await vi.advanceTimersByTimeAsync(2_100);
      const [asks, meanwhile] = [watch(storage.getItem(key)), watch(storage.getItem(key))];
      await vi.advanceTimersByTimeAsync(0);
      expect(meanwhile.error).toBe(storage.fault);
      await vi.advanceTimersByTimeAsync(1_000);
      expect([asks.error, databases.opens]).toEqual([storage.fault, opens + n + 1]);
    }
  });

  test('is used again when it is back', async () => {
    const storage = indexedDb();
    void watch(storage.getItem(key));
    await vi.advanceTimersByTimeAsync(withinMs);
    databases.mood = 'good';
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await storage.getItem(key)).toBeNull();
    expect(storage.fault).toBeUndefined();
  });
});

test('a database that answers late is alive from then on', async () => {
  databases.mood = 'silent';
  const storage = indexedDb();
  const [first, second] = [watch(storage.getItem(key)), watch(storage.getItem(key))];
  await vi.advanceTimersByTimeAsync(3_000);
  const third = watch(storage.getItem(key));
  await vi.advanceTimersByTimeAsync(1_000);
  // who waits for the same answer waits no longer than the first
  expect([second.error, third.error]).toEqual([first.error, first.error]);
  databases.wake();
  databases.mood = 'good';
  await vi.advanceTimersByTimeAsync(0);
  expect(storage.fault).toBeUndefined();
  expect(await storage.getItem(key)).toBeNull();
});

test('a database that fails twice in passing is asked a third time, and nobody hears of it', async () => {
  databases.mood = { fails: unknown };
  const storage = indexedDb();
  const read = watch(storage.getItem(key));
  await vi.advanceTimersByTimeAsync(150);
  databases.mood = 'good';
  await vi.advanceTimersByTimeAsync(500);
  expect([read, storage.fault]).toEqual([{ value: null }, undefined]);
});

test('one that throws is dead when it has done so three times in a row', async () => {
  databases.mood = { throws: unknown };
  const storage = indexedDb();
  for (let n = 0; n < 2; n++) await expect(storage.getItem(key)).rejects.toBe(unknown);
  await expect(storage.getItem(key)).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  expect(storage.fault).toBeDefined();
});

test('a page that was frozen while it waited hears what came meanwhile', async () => {
  databases.mood = 'silent';
  const read = watch(indexedDb().getItem(key));
  const now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 60_000);
  await vi.advanceTimersByTimeAsync(4_000);
  databases.wake();
  await vi.advanceTimersByTimeAsync(100);
  clock.mockRestore();
  expect(read).toEqual({ value: null });
});
