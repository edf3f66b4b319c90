import type { KeychainLike } from '../../src/adapters/keychain.js';
import type { AppStateLike, NetInfoLike, SecureStoreLike } from '../../src/presets/react-native.js';

/** A phone whose app can be killed before any native call, and whose keychain can be locked. */
export interface Phone {
  /** Names and values, as they lie in the keychain. */
  readonly items: Map<string, string>;
  /** Options of the last write. */
  lastOptions: Record<string, unknown>;
  isLocked: boolean;
  refusesWrites: boolean;
  /** The app is gone before the native call of this number; nothing after it happens or settles. */
  killBefore: number;
  /** Native calls so far. */
  calls: number;
  /** Every native read waits for it. */
  beforeRead?: () => Promise<void>;
  /** Items whose key is lost, until they are overwritten or removed. */
  readonly unreadable: Set<string>;
  /** Every native write waits for it, and then lands; with `'lost'`, its answer never comes. */
  beforeWrite?: ((name: string) => Promise<'lost' | undefined>) | undefined;
  /** Reads and writes of items that are there: with biometrics, each is a prompt. */
  prompts: { reads: number; writes: number };
}

export function createPhone(): Phone {
  return {
    items: new Map(),
    lastOptions: {},
    isLocked: false,
    refusesWrites: false,
    killBefore: Number.POSITIVE_INFINITY,
    calls: 0,
    unreadable: new Set(),
    prompts: { reads: 0, writes: 0 },
  };
}

function nativeError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_KEY_CHAIN' });
}

/** Resolves when a native call may happen; never, once the app was killed. */
async function call(phone: Phone, kind: 'read' | 'delete' | 'write'): Promise<void> {
  await (kind === 'read' ? phone.beforeRead?.() : undefined);
  if (phone.calls++ >= phone.killBefore) await new Promise(() => undefined);
  if (phone.isLocked) throw nativeError('User interaction is not allowed.');
  if (phone.refusesWrites && kind === 'write') throw nativeError('errSecIO');
}

function reading(phone: Phone, name: string): string | undefined {
  if (phone.unreadable.has(name)) throw nativeError('Could not decrypt the value.');
  const value = phone.items.get(name);
  if (value !== undefined) phone.prompts.reads++;
  return value;
}

async function writing(phone: Phone, name: string, value: string | undefined): Promise<void> {
  const answer = await phone.beforeWrite?.(name);
  phone.unreadable.delete(name);
  if (value === undefined) phone.items.delete(name);
  else {
    phone.prompts.writes++;
    phone.items.set(name, value);
  }
  if (answer === 'lost') await new Promise(() => undefined);
}

/** As strict as SecureStore was in its strictest version: names, sizes, and what a locked device says. */
export function secureStoreOf(phone: Phone): SecureStoreLike {
  const check = (key: string) => {
    if (!/^[\w.-]+$/.test(key)) throw new Error(`invalid key ${key}`);
  };
  return {
    AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 1,
    async getItemAsync(key) {
      check(key);
      await call(phone, 'read');
      return reading(phone, key) ?? null;
    },
    async setItemAsync(key, value, options) {
      check(key);
      if (new TextEncoder().encode(value).length > 2048) throw new Error('value larger than 2048 bytes');
      await call(phone, 'write');
      phone.lastOptions = { ...options };
      await writing(phone, key, value);
    },
    async deleteItemAsync(key) {
      check(key);
      await call(phone, 'write');
      await writing(phone, key, undefined);
    },
  };
}

/** As react-native-keychain does it on iOS: an item is deleted before it is added anew. */
export function keychainOf(phone: Phone): KeychainLike {
  return {
    ACCESSIBLE: { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 'AccessibleAfterFirstUnlockThisDeviceOnly' },
    async getGenericPassword({ service = '' } = {}) {
      await call(phone, 'read');
      const item = reading(phone, service);
      return item === undefined ? false : JSON.parse(item);
    },
    async setGenericPassword(username, password, { service = '', ...options } = {}) {
      await call(phone, 'delete'); // succeeds even where adding is refused
      if (phone.unreadable.has(service)) throw nativeError('Key permanently invalidated');
      phone.items.delete(service);
      await call(phone, 'write');
      phone.lastOptions = { ...options };
      await writing(phone, service, JSON.stringify({ username, password }));
      return { service, storage: 'keychain' };
    },
    async resetGenericPassword({ service = '' } = {}) {
      await call(phone, 'write');
      await writing(phone, service, undefined);
      return true;
    },
  };
}

/** AppState of a phone in a hand. */
export function createAppState(): AppStateLike & { become(state: string): void; readonly listeners: number } {
  const listeners = new Set<(state: string) => void>();
  let currentState = 'active';
  return {
    get currentState() {
      return currentState;
    },
    get listeners() {
      return listeners.size;
    },
    addEventListener(_, listener) {
      listeners.add(listener);
      return { remove: () => void listeners.delete(listener) };
    },
    become(state) {
      currentState = state;
      for (const listener of listeners) listener(state);
    },
  };
}

/** NetInfo, which says what it knows as soon as somebody listens. */
export function createNetInfo(): NetInfoLike & {
  become(isConnected: boolean | null): void;
  readonly listeners: number;
} {
  const listeners = new Set<(state: { isConnected: boolean | null }) => void>();
  let isConnected: boolean | null = true;
  return {
    get listeners() {
      return listeners.size;
    },
    addEventListener(listener) {
      listeners.add(listener);
      listener({ isConnected });
      return () => void listeners.delete(listener);
    },
    become(state) {
      isConnected = state;
      for (const listener of listeners) listener({ isConnected });
    },
  };
}
