import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { indexedDbRegisters } from '../../src/adapters/indexed-db/registers.js';
import { indexedDb } from '../../src/adapters/indexed-db.js';

const key = 'evertoken:session';
const canary = 'canary-refresh-token-7f3a';
let databases = 0;
let database: string;

beforeEach(() => {
  database = `indexed-db-${++databases}-${Date.now()}`;
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await drop();
});

function settled(request: IDBRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}

const drop = (): Promise<void> => settled(indexedDB.deleteDatabase(database));

/** Everything in the database, and what a dump of it would show as text. */
async function dump(): Promise<{ items: unknown[]; text: string }> {
  const opening = indexedDB.open(database);
  await settled(opening);
  const reading = opening.result.transaction('items').objectStore('items').getAll();
  await settled(reading);
  opening.result.close();
  const texts: string[] = [];
  const walk = (value: unknown): void => {
    if (value instanceof ArrayBuffer) texts.push(new TextDecoder().decode(value));
    else if (ArrayBuffer.isView(value)) texts.push(new TextDecoder().decode(value));
    else if (value instanceof Object) for (const member of Object.values(value)) walk(member);
    else texts.push(String(value));
  };
  walk(reading.result);
  return { items: reading.result, text: texts.join('\n') };
}

describe('indexedDb', () => {
  test('what was stored is there for another instance, as after a reload', async () => {
    await indexedDb({ database }).setItem(key, `{"token":"${canary}","name":"Zoë 🦊"}`);
    expect(await indexedDb({ database }).getItem(key)).toBe(`{"token":"${canary}","name":"Zoë 🦊"}`);
  });

  test('the database shows nothing of the string, and a key that cannot be exported', async () => {
    await indexedDb({ database }).setItem(key, canary);
    const { items, text } = await dump();
    expect(text).not.toContain(canary);
    expect(text).not.toContain(canary.slice(-4));
    expect(items).toHaveLength(1);
    const { key: secret } = items[0] as { key: CryptoKey };
    expect(secret.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('raw', secret)).rejects.toThrow();
  });

  test('each write has a random IV and other bytes, also for the same string', async () => {
    const storage = indexedDb({ database });
    const ivs = new Set<string>();
    const texts = new Set<string>();
    for (let n = 0; n < 20; n++) {
      await storage.setItem(key, canary);
      const { items, text } = await dump();
      ivs.add(String((items[0] as { iv: Uint8Array }).iv));
      texts.add(text);
    }
    expect(ivs.size).toBe(20);
    expect(texts.size).toBe(20);
  });

  test.each([
    ['the key was lost', ({ key: _, ...item }: Record<string, unknown>) => item],
    ['the data was cut', (item: Record<string, unknown>) => ({ ...item, data: new ArrayBuffer(8) })],
    ['the IV was changed', (item: Record<string, unknown>) => ({ ...item, iv: new Uint8Array(12) })],
    ['something else lies there', () => ({ surprise: canary })],
  ])(
    'a record that cannot be decrypted says so without its content, and the next write replaces it: %s',
    async (_, damage) => {
      const storage = indexedDb({ database });
      await storage.setItem(key, canary);
      await indexedDbRegisters(database)<Record<string, unknown>>(key, (item) => damage(item ?? {}));
      const error = await Promise.resolve(storage.getItem(key)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'StorageError', code: 'ERR_STORAGE_CORRUPT' });
      expect(`${(error as Error).message}${(error as Error).stack}`).not.toContain('canary');
      await storage.setItem(key, 'next');
      expect(await storage.getItem(key)).toBe('next');
      expect(storage.fault).toBeUndefined();
    },
  );

  test('a write under an older fence is refused, also after a removal', async () => {
    const storage = indexedDb({ database });
    await storage.setItem(key, 'seven', { fence: 7 });
    await expect(storage.setItem(key, 'six', { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    await expect(storage.removeItem(key, { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(await storage.getItem(key)).toBe('seven');
    await storage.removeItem(key, { fence: 8 });
    expect(await storage.getItem(key)).toBeNull();
    await expect(storage.setItem(key, 'six', { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    await storage.setItem(key, 'eight', { fence: 8 });
    expect(await storage.getItem(key)).toBe('eight');
  });

  test('of many writes at once under growing fences the one with the highest stays', async () => {
    const storage = indexedDb({ database });
    const writes = [4, 9, 2, 7, 1, 8].map((fence) => storage.setItem(key, String(fence), { fence }));
    await Promise.allSettled(writes);
    expect(await storage.getItem(key)).toBe('9');
  });

  test('nothing is left of a string that was removed without a fence', async () => {
    const storage = indexedDb({ database });
    await storage.setItem(key, canary);
    await storage.removeItem(key);
    expect((await dump()).items).toEqual([]);
  });

  test('a database that is deleted under it is empty, and the next write creates it anew', async () => {
    const storage = indexedDb({ database });
    await storage.setItem(key, 'first', { fence: 5 });
    await drop(); // resolves only because no connection was left open
    expect(await storage.getItem(key)).toBeNull();
    await storage.setItem(key, 'second', { fence: 1 });
    expect(await storage.getItem(key)).toBe('second');
  });

  test('creating looks nothing up', () => {
    vi.stubGlobal('indexedDB', undefined);
    vi.stubGlobal('crypto', undefined);
    expect(indexedDb({ database }).fault).toBeUndefined();
  });

  test.each(['indexedDB', 'crypto'])('without %s it keeps the session in memory and says so', async (name) => {
    vi.stubGlobal(name, name === 'crypto' ? { getRandomValues: () => undefined } : undefined);
    const storage = indexedDb({ database });
    expect(await storage.getItem(key)).toBeNull();
    expect(storage.fault).toMatchObject({ code: 'ERR_STORAGE_READ' });
    await storage.setItem(key, canary);
    expect(await storage.getItem(key)).toBe(canary);
    await storage.removeItem(key);
    expect(await storage.getItem(key)).toBeNull();
  });

  test('a database that fails in passing rejects, and is used again afterwards', async () => {
    const storage = indexedDb({ database });
    await storage.setItem(key, 'first');
    const error = new DOMException('The connection was lost.', 'UnknownError');
    vi.stubGlobal('indexedDB', {
      open: () => {
        throw error;
      },
    });
    await expect(storage.getItem(key)).rejects.toBe(error);
    vi.unstubAllGlobals();
    expect(await storage.getItem(key)).toBe('first');
    expect(storage.fault).toBeUndefined();
  });
});

describe('a database that lacks the store', () => {
  /** Somebody else has made it: with another store, or with none, in this version. */
  async function make(version: number, store?: string): Promise<void> {
    const opening = indexedDB.open(database, version);
    opening.onupgradeneeded = () => store && opening.result.createObjectStore(store).put('theirs', 'key');
    await settled(opening);
    opening.result.close();
  }

  test.each([
    ['an empty one', 1, undefined],
    ['one of a later version', 7, undefined],
    ['one with another store, which stays', 3, 'theirs'],
  ])('is repaired: %s', async (_, version, store) => {
    await make(version, store);
    const storages = [indexedDb({ database }), indexedDb({ database })];
    expect(await Promise.all(storages.map((storage) => storage.getItem(key)))).toEqual([null, null]);
    await storages[0]?.setItem(key, canary);
    expect(await storages[1]?.getItem(key)).toBe(canary);
    expect(storages[0]?.fault).toBeUndefined();
    const opening = indexedDB.open(database);
    await settled(opening);
    expect([...opening.result.objectStoreNames]).toEqual(store ? ['items', store] : ['items']);
    opening.result.close();
  });

  test('but has one of somebody else by that name is left alone, and the error says what to do', async () => {
    const opening = indexedDB.open(database, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('items', { keyPath: 'id' }).put({ id: 1 });
    await settled(opening);
    opening.result.close();
    const storage = indexedDb({ database });
    for (const call of [
      () => storage.getItem(key),
      () => storage.setItem(key, canary),
      () => storage.removeItem(key),
    ]) {
      await expect(call()).rejects.toMatchObject({
        message: expect.stringMatching(/something else made it.*indexedDb\(\{ database/),
      });
    }
    expect((await dump()).items).toEqual([{ id: 1 }]);
  });

  test('and is kept open by another page is found dead, and used when that page lets go', async () => {
    const held = indexedDB.open(database, 1);
    await settled(held);
    const storage = indexedDb({ database });
    await expect(storage.getItem(key)).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
    const begun = performance.now();
    await expect(storage.getItem(key)).rejects.toBe(storage.fault);
    expect(performance.now() - begun).toBeLessThan(500);
    held.result.close();
    await expect.poll(() => storage.fault).toBeUndefined();
    expect(await storage.getItem(key)).toBeNull();
  });
});

describe('indexedDbRegisters', () => {
  test('changes are atomic: of many at once none is lost', async () => {
    const registers = indexedDbRegisters(database);
    await Promise.all(Array.from({ length: 50 }, () => registers<number>(key, (count = 0) => count + 1)));
    expect(await registers<number>(key)).toBe(50);
  });

  test('what the change throws leaves the value alone and comes out', async () => {
    const registers = indexedDbRegisters(database);
    await registers<number>(key, () => 1);
    const error = new Error('refused');
    await expect(
      registers<number>(key, () => {
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await registers<number>(key)).toBe(1);
  });

  test('undefined removes the value', async () => {
    const registers = indexedDbRegisters(database);
    await registers<number>(key, () => 1);
    expect(await registers<number>(key, () => undefined)).toBe(1);
    expect(await registers<number>(key)).toBeUndefined();
  });
});

describe('a page that is left', () => {
  test('keeps no transaction open, and goes on where it was when it comes back', async () => {
    const registers = indexedDbRegisters(database);
    await registers(key, () => 1);
    const begin = IDBDatabase.prototype.transaction;
    const begun: IDBTransaction[] = [];
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...all) {
      const transaction = begin.apply(this, all);
      begun.push(transaction);
      if (begun.length === 1) queueMicrotask(() => dispatchEvent(new Event('pagehide')));
      return transaction;
    });
    const before = await registers<number>(key, (value = 0) => value + 1);
    vi.restoreAllMocks();
    expect(begun).toHaveLength(2);
    expect(before).toBe(1);
    expect(await registers(key)).toBe(2);
  });
});
