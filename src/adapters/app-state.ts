import { OptionsError } from '../errors.js';
import type { Wakeups } from '../ports/wakeups.js';

/** What is called of React Native's `AppState`. */
export interface AppStateLike {
  readonly currentState: string | null | undefined;
  addEventListener(type: 'change', listener: (state: string) => void): { remove(): void } | undefined;
}

/** What is called of `@react-native-community/netinfo`. */
export interface NetInfoLike {
  addEventListener(listener: (state: { readonly isConnected: boolean | null }) => void): () => void;
}

/**
 * Wakes up when the app comes to the front and, with NetInfo, when the network comes back.
 *
 * Listens to both only while there is a listener here. Whether the device is offline, NetInfo alone tells; without it, it
 * never is.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: a module is not what it should be
 */
export function appStateWakeups(appState: AppStateLike, netInfo?: NetInfoLike): Wakeups {
  check('AppState of react-native', appState);
  if (netInfo) check('@react-native-community/netinfo', netInfo);
  const listeners = new Set<() => void>();
  let stop = () => {};
  let isOnline = true;
  const wake = () => {
    for (const listener of [...listeners]) listener();
  };

  function start(): void {
    const subscription = appState.addEventListener('change', (state) => {
      if (state === 'active') wake();
    });
    const stopNetInfo = netInfo?.addEventListener(({ isConnected }) => {
      const wasOnline = isOnline;
      isOnline = isConnected !== false;
      if (isOnline && !wasOnline) wake();
    });
    stop = () => {
      subscription?.remove();
      stopNetInfo?.();
      isOnline = true; // unknown while NetInfo is not subscribed
    };
  }

  return {
    subscribe(listener) {
      const own = () => listener(); // a Set would hold a function that subscribes twice only once
      if (listeners.size === 0) start();
      listeners.add(own);
      return () => {
        if (listeners.delete(own) && listeners.size === 0) stop();
      };
    },
    // `inactive`, during an incoming call or in the app switcher, counts as awake: the app still runs.
    isAwake: () => appState.currentState !== 'background',
    isOnline: () => isOnline,
  };
}

function check(name: string, module: { addEventListener: unknown } | undefined): void {
  if (typeof module?.addEventListener !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the module ${name}, got ${typeof module}. Write reactNative({ secureStore: SecureStore, appState: AppState }).`,
    );
  }
}
