import { type AppStateLike, appStateWakeups, type NetInfoLike } from '../adapters/app-state.js';
import { expoSecureStore, type SecureStoreLike } from '../adapters/expo-secure-store.js';
import { inProcessChannel } from '../adapters/in-process-channel.js';
import { inProcessLock } from '../adapters/in-process-lock.js';
import { type KeychainLike, keychain } from '../adapters/keychain.js';
import { checkOptions, checkStorage } from '../adapters/parts/check-options.js';
import { placeOf } from '../adapters/parts/place.js';
import type { Platform } from '../ports/platform.js';
import type { TokenStorage } from '../ports/storage.js';
import { systemClock } from '../time/system-clock.js';

export type { AppStateLike, NetInfoLike } from '../adapters/app-state.js';
export { expoSecureStore, type SecureStoreLike, type SecureStoreOptionsLike } from '../adapters/expo-secure-store.js';
export { type KeychainLike, type KeychainOptionsLike, keychain } from '../adapters/keychain.js';

/** What is called of AsyncStorage; up to its version 2 the methods take a callback last, and are never given one. */
export interface AsyncStorageLike {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<void>;
  removeItem(key: string): Promise<void>;
}

/** See {@link reactNative}; one of `secureStore`, `keychain` and `storage` is required. */
export type ReactNativeOptions = {
  /** `AppState` of `react-native`. */
  appState: AppStateLike;
  /** `@react-native-community/netinfo`. Default: none, the network counts as there. */
  netInfo?: NetInfoLike | undefined;
} & (
  | { /** `import * as SecureStore from 'expo-secure-store'`. */ secureStore: SecureStoreLike }
  | { /** `import * as Keychain from 'react-native-keychain'`. */ keychain: KeychainLike }
  | {
      /** Any other storage. AsyncStorage fits as it is, but is not encrypted. */ storage:
        | TokenStorage
        | AsyncStorageLike;
    }
);

/** The names of all options. */
type AllOptions = Record<'appState' | 'netInfo' | 'secureStore' | 'keychain' | 'storage', unknown>;

/** Lock and channel for all managers in this process whose sessions are in the same place. */
type Shared = Pick<Platform, 'lock' | 'channel'>;

const everywhere = new WeakMap<object, Shared>();

/**
 * The platform for React Native, with Expo or without.
 *
 * Modules come in as they are; nothing is imported. Refreshes ahead of expiry while the app is in front, and looks at
 * the clock when it comes back to the front or to the network. For one JavaScript context, in which all platforms on one
 * keychain, or on one storage object, take turns: an app with a second one (a widget, an extension) must not refresh there.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: a module is not what it should be
 *
 * @example
 * const platform = reactNative({ secureStore: SecureStore, appState: AppState, netInfo: NetInfo });
 */
export function reactNative(options: ReactNativeOptions): Platform {
  const wakeups = appStateWakeups(options?.appState, options?.netInfo);
  const storage = storageOf(options);
  const place = placeOf(storage);
  const shared = everywhere.get(place) ?? { lock: inProcessLock(), channel: inProcessChannel() };
  everywhere.set(place, shared);
  return { storage, ...shared, wakeups, clock: systemClock(), random: () => Math.random() };
}

function storageOf(options: ReactNativeOptions): TokenStorage {
  const instead = 'reactNative({ secureStore: SecureStore, appState: AppState })';
  checkOptions<AllOptions>(
    'reactNative',
    options,
    ['appState', 'netInfo', 'secureStore', 'keychain', 'storage'],
    instead,
  );
  if ('secureStore' in options) return expoSecureStore(options.secureStore);
  if ('keychain' in options) return keychain(options.keychain);
  return checkStorage('reactNative', options.storage as TokenStorage, instead); // AsyncStorage fits: the in-process lock has no fence, so `setItem` gets no third argument
}
