import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { expoSecureStore } from '../../src/adapters/expo-secure-store.js';
import { keychain } from '../../src/adapters/keychain.js';
import type { TokenStorage } from '../../src/ports/storage.js';
import { createPhone, keychainOf, type Phone, secureStoreOf } from '../support/phone.js';

const key = 'evertoken:session';
const secret = 'rt-canary-91c3';
const small = `{"refreshToken":"${secret}"}`;
const large = (mark: string) => `{"refreshToken":"${secret}","accessToken":"${mark.repeat(7_000)}"}`;

const modules: [name: string, storageOf: (phone: Phone) => TokenStorage][] = [
  ['expo-secure-store', (phone) => expoSecureStore(secureStoreOf(phone))],
  ['react-native-keychain', (phone) => keychain(keychainOf(phone))],
];

/** The same phone for a reader who falls asleep before the native read of this number, and not again. */
function napping(phone: Phone, sleepsBefore: number) {
  let reads = 0;
  let wake = (): void => undefined;
  let fallAsleep = (): void => undefined;
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const isAsleep = new Promise<boolean>((resolve) => {
    fallAsleep = () => resolve(true);
  });
  return {
    phone: {
      ...phone,
      beforeRead: async () => {
        if (++reads < sleepsBefore) return;
        fallAsleep();
        await awake;
      },
    },
    wake,
    /** Whether it fell asleep before it had what it came for. */
    asleep: (found: PromiseLike<unknown> | unknown) =>
      Promise.race([isAsleep, Promise.resolve(found).then(() => false)]),
  };
}

describe.each(modules)('%s', (_, storageOf) => {
  test.each([
    ['small', small],
    ['large', large('x')],
    ['of many bytes', 'я€😀'.repeat(1_500)],
    ['empty', ''],
    ['exactly one part', 'x'.repeat(2_000)],
    ['one more', 'x'.repeat(2_001)],
    ['what looks like a pointer', 'evertoken.parts:a2'],
  ])('gives back what it was given: %s', async (_name, value) => {
    const phone = createPhone();
    expect(await storageOf(phone).getItem(key)).toBeNull();
    await storageOf(phone).setItem(key, value);
    expect(await storageOf(phone).getItem(key)).toBe(value);
    await storageOf(phone).setItem(key, 'next');
    expect(await storageOf(phone).getItem(key)).toBe('next');
    await storageOf(phone).removeItem(key);
    await storageOf(phone).removeItem(key);
    expect(await storageOf(phone).getItem(key)).toBeNull();
    expect(phone.items.size).toBe(0);
  });

  test('keeps keys apart, whatever characters they have', async () => {
    const storage = storageOf(createPhone());
    const keys = ['evertoken:a', 'evertoken:a_', 'evertoken_3a_a', 'evertoken:ключ', 'evertoken:😀', 'evertoken:a.b'];
    for (const name of keys) await storage.setItem(name, name);
    for (const name of keys) expect(await storage.getItem(name)).toBe(name);
  });

  test('is readable from the first unlock on, so that background fetch works, and stays on the device', async () => {
    const phone = createPhone();
    await storageOf(phone).setItem(key, small);
    expect(Object.values(phone.lastOptions)).toEqual([
      expect.toSatisfy((value) => value === 1 || value === 'AccessibleAfterFirstUnlockThisDeviceOnly'),
    ]);
  });

  test('a locked keychain is a typed error without a secret, nothing is lost, and the next call works', async () => {
    const phone = createPhone();
    const storage = storageOf(phone);
    await storage.setItem(key, small);
    phone.isLocked = true;
    const error = await Promise.resolve(storage.getItem(key)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'ERR_STORAGE_READ', message: expect.stringContaining('locked') });
    await expect(storage.setItem(key, large('x'))).rejects.toHaveProperty('name', 'StorageError');
    await expect(storage.removeItem(key)).rejects.toHaveProperty('name', 'StorageError');
    expect(inspect(error)).not.toContain(secret);
    phone.isLocked = false;
    expect(await storage.getItem(key)).toBe(small);
    await storage.setItem(key, large('y'));
  });

  test('a rejected write is a typed error and leaves the old value', async () => {
    const phone = createPhone();
    const storage = storageOf(phone);
    for (const value of [small, large('o')]) {
      await storage.setItem(key, value);
      phone.refusesWrites = true;
      await expect(storage.setItem(key, large('n'))).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
      await expect(storage.setItem(key, 'next')).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
      phone.refusesWrites = false;
      expect(await storage.getItem(key)).toBe(value);
    }
  });

  test.each([
    ['small to small', small, 'next'],
    ['small to large', small, large('n')],
    ['large to small', large('o'), 'next'],
    ['large to large', large('o'), large('n').slice(0, 5_000)],
    ['large to larger', large('o').slice(0, 5_000), large('n')],
  ])(
    'an app that is killed at any moment of a write finds the old value or the new one: %s',
    async (_name, old, next) => {
      let outcomes = '';
      for (let moment = 0; ; moment++) {
        const phone = createPhone();
        await storageOf(phone).setItem(key, old);
        phone.calls = 0;
        phone.killBefore = moment;
        let isDone = false;
        void Promise.resolve(storageOf(phone).setItem(key, next)).then(() => {
          isDone = true;
        });
        await new Promise((resolve) => setImmediate(resolve));
        phone.killBefore = Number.POSITIVE_INFINITY; // the app starts again
        const found = await storageOf(phone).getItem(key);
        expect([old, next]).toContain(found);
        outcomes += found === old ? 'o' : 'n';
        await storageOf(phone).setItem(key, `${next}!`);
        expect(await storageOf(phone).getItem(key)).toBe(`${next}!`);
        await storageOf(phone).removeItem(key);
        expect(await storageOf(phone).getItem(key)).toBeNull();
        expect([...phone.items]).toEqual([]);
        if (isDone) break;
      }
      expect(outcomes).toMatch(/^o+n+$/); // and never back
    },
  );

  test('an app that is killed at any moment of a sign-out never finds an older value than it left', async () => {
    for (let moment = 0; ; moment++) {
      const phone = createPhone();
      await storageOf(phone).setItem(key, large('o'));
      // what is left of the value before, because the app was killed then too
      phone.calls = 0;
      phone.killBefore = 8;
      void storageOf(phone).setItem(key, large('n'));
      await new Promise((resolve) => setImmediate(resolve));
      phone.killBefore = Number.POSITIVE_INFINITY;
      const before = await storageOf(phone).getItem(key);
      phone.calls = 0;
      phone.killBefore = moment;
      let isDone = false;
      void Promise.resolve(storageOf(phone).removeItem(key)).then(() => {
        isDone = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      phone.killBefore = Number.POSITIVE_INFINITY;
      expect([before, null]).toContain(await storageOf(phone).getItem(key));
      if (isDone) break;
    }
  });

  test('a value that is being replaced reads as the old one or the new one', async () => {
    const phone = createPhone();
    const storage = storageOf(phone);
    await storage.setItem(key, large('o'));
    const write = storage.setItem(key, large('n'));
    for (let i = 0; i < 30; i++) expect([large('o'), large('n')]).toContain(await storage.getItem(key));
    await write;
  });

  test('a reader that falls asleep between two native calls never sees parts of two values, nor nothing', async () => {
    const values = [large('o'), large('n'), `${large('l')}${'k'.repeat(5_000)}`, small];
    const pairs = values.flatMap((one) => values.map((two) => [one, two] as const));
    const cases = pairs.flatMap(([first, second]) => [
      [first, second],
      ...values.map((third) => [first, second, third]),
    ]);
    for (const [first = '', ...next] of cases) {
      for (const writesBefore of [0, 1]) {
        for (let sleepsBefore = 1, hasSlept = true; hasSlept; sleepsBefore++) {
          const phone = createPhone();
          const reader = napping(phone, sleepsBefore);
          const writer = storageOf(phone);
          if (writesBefore === 1) await writer.setItem(key, 'before');
          await writer.setItem(key, first);
          const found = storageOf(reader.phone).getItem(key);
          hasSlept = await reader.asleep(found);
          for (const value of next) await writer.setItem(key, value);
          reader.wake();
          expect([first, ...next]).toContain(await found);
        }
      }
    }
  });

  test('writes land in the order in which they were asked for', async () => {
    const storage = storageOf(createPhone());
    await Promise.all([large('1'), '2', large('3'), '4'].map((value) => storage.setItem(key, value)));
    expect(await storage.getItem(key)).toBe('4');
  });
});

test.each([
  'evertoken.parts:',
  'evertoken.parts:a2',
  'evertoken.parts:a0:1',
  'evertoken.parts:c1:1',
  'evertoken.parts:a1:x',
])(
  'a pointer of expo-secure-store to parts that are not there is damage, and the next session replaces it: %s',
  async (pointer) => {
    const phone = createPhone();
    const storage = expoSecureStore(secureStoreOf(phone));
    await storage.setItem(key, small);
    const [name = ''] = phone.items.keys();
    phone.items.set(name, pointer);
    await expect(storage.getItem(key)).rejects.toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
    expect(phone.items.get(name)).toBe(pointer);
    await storage.setItem(key, large('n'));
    expect(await storage.getItem(key)).toBe(large('n'));
  },
);

test.each([
  ['expo-secure-store', () => expoSecureStore({} as never)],
  ['react-native-keychain', () => keychain(undefined as never)],
])('a module that is not %s is named', (name, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringContaining(name) }));
});
