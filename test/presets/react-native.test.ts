import { describe, expect, test } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { expoSecureStore, type ReactNativeOptions, reactNative } from '../../src/presets/react-native.js';
import { createAsyncStorage } from '../support/async-storage.js';
import { createAppState, createNetInfo, createPhone, keychainOf, secureStoreOf } from '../support/phone.js';

test('the storage is the one that was given', async () => {
  const phone = createPhone();
  const appState = createAppState();
  const items = new Map<string, string>();
  const storage = {
    getItem: async (key: string) => items.get(key) ?? null,
    setItem: async (key: string, value: string) => void items.set(key, value),
    removeItem: async (key: string) => void items.delete(key),
  };
  await reactNative({ appState, secureStore: secureStoreOf(phone) }).storage.setItem('evertoken:session', 'a');
  expect([...phone.items.keys()]).toEqual(['evertoken_3a_session']);
  await reactNative({ appState, keychain: keychainOf(phone) }).storage.setItem('evertoken:session', 'b');
  expect([...phone.items.keys()]).toContain('evertoken:session#2');
  expect(reactNative({ appState, storage }).storage).toBe(storage);
});

test('AsyncStorage fits as it is: nothing is handed to it that it takes for a callback', async () => {
  const storage = createAsyncStorage();
  const create = () =>
    createTokenManager({
      refresh: async () => ({ access_token: 'second' }),
      platform: reactNative({ appState: createAppState(), storage }),
    });
  const tokens = create();
  const faults: unknown[] = [];
  tokens.on('storageFailed', (fault) => faults.push(fault));
  await tokens.startSession({ access_token: 'first', refresh_token: 'rt', expires_in: 60 });
  await tokens.refresh();
  tokens.dispose();
  const later = create();
  expect(await later.getAccessToken()).toBe('second');
  await later.endSession();
  later.dispose();
  expect(await storage.getItem('evertoken:session')).toBeNull();
  expect(faults).toEqual([]);
});

test('creating listens to nothing; the last one who leaves takes every listener along', () => {
  const [appState, netInfo] = [createAppState(), createNetInfo()];
  const { wakeups } = reactNative({ appState, netInfo, secureStore: secureStoreOf(createPhone()) });
  expect([appState.listeners, netInfo.listeners]).toEqual([0, 0]);
  const stops = [wakeups.subscribe(() => undefined), wakeups.subscribe(() => undefined)];
  expect([appState.listeners, netInfo.listeners]).toEqual([1, 1]);
  for (const stop of [...stops, ...stops]) stop();
  expect([appState.listeners, netInfo.listeners]).toEqual([0, 0]);
});

test('wakes up when the app comes to the front, and sleeps only in the background', () => {
  const appState = createAppState();
  const { wakeups } = reactNative({ appState, secureStore: secureStoreOf(createPhone()) });
  let woken = 0;
  wakeups.subscribe(() => woken++);
  expect(wakeups.isAwake()).toBe(true);
  appState.become('inactive');
  expect([wakeups.isAwake(), woken]).toEqual([true, 0]);
  appState.become('background');
  expect([wakeups.isAwake(), woken]).toEqual([false, 0]);
  appState.become('active');
  expect([wakeups.isAwake(), woken]).toEqual([true, 1]);
});

test('wakes up when the network comes back, and is offline only when NetInfo says so', () => {
  const [appState, netInfo] = [createAppState(), createNetInfo()];
  const { wakeups } = reactNative({ appState, netInfo, secureStore: secureStoreOf(createPhone()) });
  let woken = 0;
  const stop = wakeups.subscribe(() => woken++);
  expect([wakeups.isOnline(), woken]).toEqual([true, 0]);
  netInfo.become(null);
  expect([wakeups.isOnline(), woken]).toEqual([true, 0]);
  netInfo.become(false);
  expect([wakeups.isOnline(), woken]).toEqual([false, 0]);
  netInfo.become(true);
  expect([wakeups.isOnline(), woken]).toEqual([true, 1]);
  netInfo.become(false);
  stop();
  expect(wakeups.isOnline()).toBe(true); // nobody tells us any more
});

test.each<[string, unknown]>([
  ['no options', undefined],
  ['no AppState', { secureStore: secureStoreOf(createPhone()) }],
  ['an AppState that is none', { secureStore: secureStoreOf(createPhone()), appState: {} }],
  ['a NetInfo that is none', { secureStore: secureStoreOf(createPhone()), appState: createAppState(), netInfo: {} }],
])('%s: refused at creation, with the module that was expected', (_, options) => {
  expect(() => reactNative(options as ReactNativeOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(/Expected the module .*, got \w+/) }),
  );
});

describe('E8: two platforms on one keychain in one process', () => {
  const phone = createPhone();
  const [secureStore, rnKeychain, asyncStorage] = [secureStoreOf(phone), keychainOf(phone), createAsyncStorage()];
  const appState = createAppState();
  test.each<[string, () => ReactNativeOptions]>([
    ['secureStore', () => ({ appState, secureStore })],
    ['keychain', () => ({ appState, keychain: rnKeychain })],
    ['a storage of one service', () => ({ appState, storage: expoSecureStore(secureStore, { keychainService: 'a' }) })],
    ['one storage object', () => ({ appState, storage: asyncStorage })],
  ])('present a refresh token once: %s', async (_, options) => {
    const presented: unknown[] = [];
    const create = () =>
      createTokenManager({
        refresh: async ({ refreshToken }) => {
          presented.push(refreshToken);
          await new Promise((resolve) => setTimeout(resolve, 10));
          return { access_token: `at-${presented.length}`, refresh_token: `rt-${presented.length}`, expires_in: 600 };
        },
        platform: reactNative(options()),
        proactive: false,
      });
    const [one, other] = [create(), create()];
    await one.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
    const rejected = await other.getAccessToken();
    const all = await Promise.all([one.replaceAccessToken(rejected), other.replaceAccessToken(rejected)]);
    expect([presented, all]).toEqual([['rt'], ['at-1', 'at-1']]);
    await one.endSession();
    await expect.poll(() => other.getSnapshot().status).toBe('none');
    one.dispose();
    other.dispose();
  });

  test('differ by service and module, as the keychains do', () => {
    const locks = [
      { appState, secureStore },
      { appState, storage: expoSecureStore(secureStore, { keychainService: 'a' }) },
      { appState, secureStore: secureStoreOf(phone) },
      { appState, keychain: rnKeychain },
    ].map((options) => reactNative(options as ReactNativeOptions).lock);
    expect(new Set(locks).size).toBe(4);
  });
});
