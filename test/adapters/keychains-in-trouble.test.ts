import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { expoSecureStore } from '../../src/adapters/expo-secure-store.js';
import { keychain } from '../../src/adapters/keychain.js';
import { createTokenManager } from '../../src/index.js';
import type { TokenStorage } from '../../src/ports/storage.js';
import { reactNative } from '../../src/presets/react-native.js';
import { createAppState, createPhone, keychainOf, type Phone, secureStoreOf } from '../support/phone.js';

const key = 'evertoken:session';
const large = (mark: string) => mark.repeat(7_000);

// one module per app: what knows of it ends with it
const modules: [name: string, storageOf: (phone: Phone) => TokenStorage][] = [
  ['expo-secure-store', (phone) => expoSecureStore(secureStoreOf(phone))],
  ['react-native-keychain', (phone) => keychain(keychainOf(phone))],
];

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** What became of a promise, as far as it has got. */
function watch(promise: unknown): { value?: unknown; error?: unknown } {
  const outcome: { value?: unknown; error?: unknown } = {};
  Promise.resolve(promise).then(
    (value) => Object.assign(outcome, { value }),
    (error) => Object.assign(outcome, { error }),
  );
  return outcome;
}

/** Native writes that hang until they are let go of, and then land. */
function hanging(phone: Phone): { letGo(answer?: 'lost'): void } {
  let letGo: (answer?: 'lost') => void = () => undefined;
  const held = new Promise<'lost' | undefined>((resolve) => {
    letGo = resolve;
  });
  phone.beforeWrite = () => held;
  return { letGo };
}

describe.each(modules)('D8, with %s', (_, storageOf) => {
  test.each([
    ['small', 'old'],
    ['large', large('o')],
  ])('a %s item that can never be read again is replaced by the next sign-in', async (_size, old) => {
    for (const next of ['next', large('n')]) {
      const phone = createPhone();
      await storageOf(phone).setItem(key, old);
      for (const name of phone.items.keys()) phone.unreadable.add(name);
      const storage = storageOf(phone);
      await expect(storage.getItem(key)).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
      await storage.setItem(key, next);
      expect(await storage.getItem(key)).toBe(next);
      expect(await storageOf(phone).getItem(key)).toBe(next);
    }
  });

  test.each([
    ['small', 'old'],
    ['large', large('o')],
  ])('a %s item that can never be read again is removed by a sign-out', async (_size, old) => {
    const phone = createPhone();
    await storageOf(phone).setItem(key, old);
    for (const name of phone.items.keys()) phone.unreadable.add(name);
    const storage = storageOf(phone);
    await storage.removeItem(key);
    expect([await storage.getItem(key), [...phone.items]]).toEqual([null, []]);
  });

  test('reads that never answer hold up a sign-in and a sign-out for a few seconds', async () => {
    for (const change of ['setItem', 'removeItem'] as const) {
      const phone = createPhone();
      await storageOf(phone).setItem(key, 'old');
      phone.beforeRead = () => new Promise(() => undefined);
      const done = watch(storageOf(phone)[change](key, 'next'));
      await vi.advanceTimersByTimeAsync(4_900);
      expect(done).toHaveProperty('value');
    }
  });

  test.each<[string, (storage: TokenStorage) => unknown, string | null]>([
    ['a write', (storage) => storage.setItem(key, 'newer'), 'newer'],
    ['a large write', (storage) => storage.setItem(key, large('n')), large('n')],
    ['a sign-out', (storage) => storage.removeItem(key), null],
  ])(
    'a native write that does not end holds up %s for 5 s, and does not win when it ends',
    async (_what, act, found) => {
      for (const old of ['older', large('o')]) {
        const phone = createPhone();
        const storage = storageOf(phone);
        await storage.setItem(key, 'first');
        const { letGo } = hanging(phone);
        const late = watch(storage.setItem(key, old));
        await vi.advanceTimersByTimeAsync(10);
        phone.beforeWrite = undefined;
        const done = watch(act(storage));
        await vi.advanceTimersByTimeAsync(4_900);
        expect(done).toEqual({});
        await vi.advanceTimersByTimeAsync(200);
        expect(done).toHaveProperty('value');
        expect(await storage.getItem(key)).toBe(found);
        letGo();
        await vi.advanceTimersByTimeAsync(100);
        expect(late.error).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
        expect(await storage.getItem(key)).toBe(found);
        expect(await storageOf(phone).getItem(key)).toBe(found);
      }
    },
  );

  test('a write that takes long, and that nobody has overtaken, is done when it ends', async () => {
    const phone = createPhone();
    const storage = storageOf(phone);
    const { letGo } = hanging(phone);
    const write = watch(storage.setItem(key, large('o')));
    await vi.advanceTimersByTimeAsync(60_000); // somebody looks for his finger
    letGo();
    await vi.advanceTimersByTimeAsync(10);
    expect(write).toHaveProperty('value');
    expect(await storage.getItem(key)).toBe(large('o'));
  });

  test('writes of one app land in the order in which they were asked for, whichever instance was asked', async () => {
    const phone = createPhone();
    const module = { secure: secureStoreOf(phone), rn: keychainOf(phone) };
    const make = () => (_ === 'expo-secure-store' ? expoSecureStore(module.secure) : keychain(module.rn));
    await Promise.all([large('1'), '2', large('3'), '4'].map((value) => make().setItem(key, value)));
    expect(await make().getItem(key)).toBe('4');
  });

  test('an app that is killed at any moment of a write or a sign-out leaves nothing that the next one does not sweep', async () => {
    for (const last of [large('n'), 'next', null]) {
      for (let moment = 0; ; moment++) {
        const phone = createPhone();
        await storageOf(phone).setItem(key, large('o'));
        phone.calls = 0;
        phone.killBefore = moment;
        const storage = storageOf(phone);
        const done = watch(last === null ? storage.removeItem(key) : storage.setItem(key, last));
        await new Promise((resolve) => setImmediate(resolve));
        phone.killBefore = Number.POSITIVE_INFINITY;
        const next = storageOf(phone);
        if (last === null) {
          if ((await next.getItem(key)) !== null) await next.removeItem(key);
          await new Promise((resolve) => setImmediate(resolve));
          expect([moment, [...phone.items.keys()]]).toEqual([moment, []]);
        } else {
          await next.setItem(key, 'after');
          expect([moment, phone.items.size]).toEqual([moment, 1]);
        }
        if ('value' in done) break;
      }
    }
  });
});

test('D8: with react-native-keychain, a write that lands late without ever answering does not win', async () => {
  const phone = createPhone();
  const storage = keychain(keychainOf(phone));
  await storage.setItem(key, 'first');
  const { letGo } = hanging(phone);
  void storage.setItem(key, 'older');
  await vi.advanceTimersByTimeAsync(10);
  phone.beforeWrite = undefined;
  const done = watch(storage.setItem(key, 'newer'));
  await vi.advanceTimersByTimeAsync(5_100);
  expect(done).toHaveProperty('value');
  letGo('lost');
  await vi.advanceTimersByTimeAsync(100);
  expect(await storage.getItem(key)).toBe('newer');
  expect(await keychain(keychainOf(phone)).getItem(key)).toBe('newer');
});

test.each<[string, (phone: Phone) => Parameters<typeof reactNative>[0]]>([
  ['expo-secure-store', (phone) => ({ secureStore: secureStoreOf(phone), appState: createAppState() })],
  ['react-native-keychain', (phone) => ({ keychain: keychainOf(phone), appState: createAppState() })],
])('with %s a refresh reads the item as often as the manager asks, and no write reads it', async (_, optionsFor) => {
  vi.useRealTimers();
  const phone = createPhone();
  let count = 0;
  const platform = reactNative(optionsFor(phone));
  const asked = { getItem: 0, setItem: 0 };
  const storage: TokenStorage = {
    getItem(name) {
      asked.getItem++;
      return platform.storage.getItem(name);
    },
    setItem(name, value) {
      asked.setItem++;
      return platform.storage.setItem(name, value);
    },
    removeItem: (name) => platform.storage.removeItem(name),
  };
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: `at${++count}`, refresh_token: `rt${count}`, expires_in: 600 }),
    platform: { ...platform, storage },
    proactive: false,
  });
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
  await tokens.refresh(); // warm
  phone.prompts = { reads: 0, writes: 0 };
  Object.assign(asked, { getItem: 0, setItem: 0 });
  await tokens.refresh();
  tokens.dispose();
  expect(phone.prompts).toEqual({ reads: asked.getItem, writes: asked.setItem });
  // under the lock, and after the announcement; the mark that a request is under way, and the new tokens
  expect(phone.prompts).toEqual({ reads: 2, writes: 2 });
});
