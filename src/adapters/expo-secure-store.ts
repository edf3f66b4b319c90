import { OptionsError, StorageError } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';

/** Options that every call to SecureStore is given. */
export interface SecureStoreOptionsLike {
  /** iOS: when the item can be read. Default `AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY`. */
  keychainAccessible?: number;
  /** iOS: the service; Android: the alias of the key. */
  keychainService?: string;
  /** iOS: shares the item among apps. */
  accessGroup?: string;
}

/** What is called of `expo-secure-store`; `import * as SecureStore` is one. */
export interface SecureStoreLike {
  getItemAsync(key: string, options?: SecureStoreOptionsLike): Promise<string | null>;
  setItemAsync(key: string, value: string, options?: SecureStoreOptionsLike): Promise<void>;
  deleteItemAsync(key: string, options?: SecureStoreOptionsLike): Promise<void>;
  readonly AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY?: number;
}

/** Where the parts of a value lie: one of two places, so that a new value never overwrites the one that counts. */
interface Parts {
  readonly place: 'a' | 'b';
  /** Stands in front of every part; another one with every write, so that parts of two values never pass for one. */
  readonly mark: string;
  readonly count: number;
}

// Before SDK 55 SecureStore warned of values above 2 048 bytes, and iOS had refused them at times.
const MAX_BYTES = 2_000; // and the mark
const POINTER = 'evertoken.parts:';
const PLACES = ['a', 'b'] as const;

/**
 * Keeps sessions in the keychain of iOS and the keystore of Android, through Expo's SecureStore.
 *
 * By default readable from the first unlock after a restart, so that background fetch works, and never moved to another
 * device by a backup, where two devices would share one refresh token. A value above 2 000 bytes is kept in parts; it
 * counts from the moment in which its last part, the pointer, is written. On iOS items outlive the app.
 *
 * Rejects with a `StorageError`, also while the device has not been unlocked: nothing is deleted, try again.
 */
export function expoSecureStore(secureStore: SecureStoreLike, options: SecureStoreOptionsLike = {}): TokenStorage {
  if (typeof secureStore?.getItemAsync !== 'function') {
    throw new OptionsError('ERR_OPTIONS', `Expected the module expo-secure-store, got ${typeof secureStore}.`);
  }
  const accessible = secureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY;
  const items = secureItems(secureStore, {
    ...(accessible === undefined ? {} : { keychainAccessible: accessible }),
    ...options,
  });
  let writes: Promise<unknown> = Promise.resolve();
  // one after the other: a write that took long must not land on a newer one
  const inTurn = (write: () => Promise<void>): Promise<void> => {
    const done = writes.then(write);
    writes = done.catch(() => undefined);
    return done;
  };

  return {
    async getItem(key) {
      const name = nameFor(key);
      for (let tries = 0; tries < 3; tries++) {
        const top = await items.get(name);
        const parts = readPointer(top);
        if (!parts) return top;
        const texts = await Promise.all(partNames(name, parts).map((part) => items.get(part)));
        const lead = `${parts.mark}:`;
        if (texts.length > 0 && texts.every((text) => text?.startsWith(lead))) {
          return texts.map((text) => text?.slice(lead.length)).join('');
        }
        // replaced while we were reading; look again
      }
      throw new StorageError(
        'ERR_STORAGE_CORRUPT',
        `Expected every part of ${key} in SecureStore, found some missing.`,
      );
    },
    setItem: (key, value) => inTurn(() => replace(items, nameFor(key), value)),
    removeItem: (key) =>
      inTurn(async () => {
        const name = nameFor(key);
        await items.remove(name);
        for (const place of PLACES) await sweep(items, name, place, 0);
      }),
  };
}

/** SecureStore with typed errors. */
interface SecureItems {
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
}

function secureItems(secureStore: SecureStoreLike, options: SecureStoreOptionsLike): SecureItems {
  const fail = (code: 'ERR_STORAGE_READ' | 'ERR_STORAGE_WRITE') => (error: unknown) => {
    const { name, code: reason } = Object(error) as { name?: unknown; code?: unknown };
    const why = String(reason ?? name ?? 'unknown error');
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write to';
    const message = `Could not ${action} SecureStore: ${why}. The device may be locked; nothing is lost, try again.`;
    throw new StorageError(code, message, { cause: { name: String(name), code: why } });
  };
  return {
    get: (name) => secureStore.getItemAsync(name, options).catch(fail('ERR_STORAGE_READ')),
    set: (name, value) => secureStore.setItemAsync(name, value, options).catch(fail('ERR_STORAGE_WRITE')),
    remove: (name) => secureStore.deleteItemAsync(name, options).catch(fail('ERR_STORAGE_WRITE')),
  };
}

async function replace(items: SecureItems, name: string, value: string): Promise<void> {
  const old = readPointer(await items.get(name));
  const texts = split(value);
  if (texts.length === 1 && !value.startsWith(POINTER)) {
    await items.set(name, value);
  } else {
    const place = old?.place === 'a' ? 'b' : 'a';
    const mark = Math.floor(Math.random() * 1e9).toString(36); // no secret
    for (const [index, text] of texts.entries()) await items.set(partName(name, place, index), `${mark}:${text}`);
    await items.set(name, `${POINTER}${place}${texts.length}:${mark}`);
    await sweep(items, name, place, texts.length).catch(() => undefined);
  }
  // the new value counts; what is left of the old one is in nobody's way
  if (old) await sweep(items, name, old.place, 0).catch(() => undefined);
}

/** Removes the parts from this one on; the last one first, so that none is out of reach if the app is killed meanwhile. */
async function sweep(items: SecureItems, name: string, place: Parts['place'], from: number): Promise<void> {
  let end = from;
  while ((await items.get(partName(name, place, end))) !== null) end++;
  while (end > from) await items.remove(partName(name, place, --end));
}

function readPointer(top: string | null): Parts | undefined {
  if (!top?.startsWith(POINTER)) return undefined;
  const [, place, count = '0', mark = ''] = /^([ab])(\d{1,4}):(\w+)$/.exec(top.slice(POINTER.length)) ?? [];
  return { place: place === 'b' ? 'b' : 'a', count: Number(count), mark };
}

function partNames(name: string, { place, count }: Parts): string[] {
  return Array.from({ length: count }, (_, index) => partName(name, place, index));
}

function partName(name: string, place: Parts['place'], index: number): string {
  return `${name}.${place}${index}`;
}

/** Texts of at most 2 000 bytes of UTF-8, none of which ends within a character. */
function split(value: string): string[] {
  const texts: string[] = [];
  let [text, bytes] = ['', 0];
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes + size > MAX_BYTES) {
      texts.push(text);
      [text, bytes] = ['', 0];
    }
    text += character;
    bytes += size;
  }
  return [...texts, text];
}

/** Only letters, digits, `.`, `-` and `_` are allowed; different keys get different names. */
function nameFor(key: string): string {
  return Array.from(key, (character) =>
    /[A-Za-z0-9.-]/.test(character) ? character : `_${(character.codePointAt(0) ?? 0).toString(16)}_`,
  ).join('');
}
