import { expect, test } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { type ReactNativeOptions, reactNative } from '../../src/presets/react-native.js';
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
