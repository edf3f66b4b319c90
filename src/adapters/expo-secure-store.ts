import { OptionsError, StorageError } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';
import { inPlace } from './parts/place.js';
import { answerWithin, createWriteTurns } from './parts/write-turns.js';

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

/** Where the parts of a value are: one of two places, so that a new value never overwrites the current one. */
interface Parts {
  readonly place: 'a' | 'b';
  /** Prefix of every part, new with each write, so that parts of two values are never combined. */
  readonly mark: string;
  readonly count: number;
}

// Before SDK 55 SecureStore warned of values above 2 048 bytes, and some versions of iOS refused them.
const MAX_BYTES = 2_000; // leaves room for the mark
const POINTER = 'evertoken.parts:';
/** Stored under the name while the parts of a removed value are being deleted; reads as no value. */
const GONE = 'evertoken.gone';
const PLACES = ['a', 'b'] as const;
const READ_MS = 1_000;
/** The most unreadable parts that are counted as existing: on a locked device every name is unreadable. */
const MOST_UNREADABLE = 16;

/** What this process knows about the value under a name. */
interface Known {
  /** Parts of the current value; undefined if it is in one piece, or missing. */
  parts?: Parts | undefined;
  /** Whether `parts` is known to be right, and no other parts are left over. */
  isSure: boolean;
  /** Counts the writes, so that the result of a read that ran during a write is not remembered. */
  writes: number;
}

/** Shared by all storages on the same module, which is one keychain. */
interface Memory {
  readonly known: Map<string, Known>;
  readonly turns: ReturnType<typeof createWriteTurns>;
}

const memories = new WeakMap<object, Memory>();

/**
 * Keeps sessions in the keychain of iOS and the keystore of Android, through Expo's SecureStore.
 *
 * By default readable from the first unlock after a restart, so that background fetch works, and never moved to another
 * device by a backup, where two devices would share one refresh token. A value above 2 000 bytes is kept in parts; it
 * counts from the moment in which its last part, the pointer, is written. On iOS items outlive the app.
 *
 * Rejects with a `StorageError`, also while the device has not been unlocked: nothing is deleted, try again. Writing and
 * removing need no read that succeeds, so that an item whose key is lost is replaced by the next sign-in; and a native
 * write that never ends holds up the next one for 5 s.
 */
export function expoSecureStore(secureStore: SecureStoreLike, options: SecureStoreOptionsLike = {}): TokenStorage {
  if (typeof secureStore?.getItemAsync !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the module expo-secure-store, got ${typeof secureStore}. Write import * as SecureStore.`,
    );
  }
  const accessible = secureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY;
  const items = secureItems(secureStore, {
    ...(accessible === undefined ? {} : { keychainAccessible: accessible }),
    ...options,
  });
  const { known, turns } = memoryOf(secureStore);
  // Items of the same name but other options are different items.
  const lineOf = (name: string): string => `${options.keychainService ?? ''} ${options.accessGroup ?? ''} ${name}`;
  const knownOf = (name: string): Known => {
    const about = known.get(lineOf(name)) ?? { isSure: false, writes: 0 };
    known.set(lineOf(name), about);
    return about;
  };
  const remove = (name: string): Promise<void> =>
    turns(lineOf(name), { value: null, carryOut: (goOn) => erase(guarded(items, goOn), name, knownOf(name)) });

  const storage: TokenStorage = {
    async getItem(key) {
      const name = nameFor(key);
      for (let tries = 0; tries < 3; tries++) {
        const top = await items.get(name);
        if (top === GONE) void remove(name).catch(() => undefined); // the app was killed during the removal
        if (top === GONE) return null;
        const parts = readPointer(top);
        if (!parts) return top;
        const texts = await Promise.all(partNames(name, parts).map((part) => items.get(part)));
        const lead = `${parts.mark}:`;
        if (texts.length > 0 && texts.every((text) => text?.startsWith(lead))) {
          return texts.map((text) => text?.slice(lead.length)).join('');
        }
        // replaced during the read: read again
      }
      throw new StorageError(
        'ERR_STORAGE_CORRUPT',
        `Expected every part of ${key} in SecureStore, found some missing.`,
      );
    },
    setItem(key, value) {
      const name = nameFor(key);
      const carryOut = (goOn: () => void): Promise<void> => replace(guarded(items, goOn), name, value, knownOf(name));
      return turns(lineOf(name), { value, carryOut });
    },
    removeItem: (key) => remove(nameFor(key)),
  };
  return inPlace(storage, secureStore, `${options.keychainService ?? ''} ${options.accessGroup ?? ''}`);
}

function memoryOf(secureStore: SecureStoreLike): Memory {
  const memory = memories.get(secureStore) ?? { known: new Map(), turns: createWriteTurns() };
  memories.set(secureStore, memory);
  return memory;
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

/** The same items for one write: `goOn` throws once the write timed out and a newer one has begun. */
function guarded(items: SecureItems, goOn: () => void): SecureItems {
  const before = async <T>(call: () => Promise<T>): Promise<T> => {
    goOn();
    return call();
  };
  return {
    get: (name) => before(() => items.get(name)),
    set: (name, value) => before(() => items.set(name, value)),
    remove: (name) => before(() => items.remove(name)),
  };
}

async function replace(items: SecureItems, name: string, value: string, about: Known): Promise<void> {
  const { isSure } = about;
  const old = isSure ? about.parts : readPointer((await answerWithin(READ_MS, items.get(name))) ?? null);
  about.isSure = false;
  const texts = split(value);
  const isWhole = texts.length === 1 && !value.startsWith(POINTER) && value !== GONE;
  const place = old?.place === 'a' ? 'b' : 'a';
  const parts = isWhole ? undefined : ({ place, mark: newMark(), count: texts.length } as const);
  if (parts) {
    for (const [index, text] of texts.entries()) await items.set(partName(name, place, index), `${parts.mark}:${text}`);
  }
  const top = parts ? `${POINTER}${place}${texts.length}:${parts.mark}` : value;
  await items.set(name, top).catch(async (error: unknown) => {
    if (isSure) throw error;
    // An item whose key is lost may have to be removed before it can be written.
    if (
      (await answerWithin(
        READ_MS,
        items.get(name).then(() => true),
      )) === true
    )
      throw error;
    await items.remove(name);
    await items.set(name, top);
  });
  about.parts = parts;
  // The new value is stored; leftover parts of the old one do no harm.
  try {
    if (isSure && old) await removeParts(items, name, old.place, 0, old.count);
    else if (!isSure) await sweep(items, name, parts);
    about.isSure = true;
  } catch {
    // the next write tries again
  }
}

/** Removes all parts but these, in both places. */
async function sweep(items: SecureItems, name: string, kept: Parts | undefined): Promise<void> {
  const sweepOne = async (place: Parts['place']): Promise<void> => {
    const from = kept?.place === place ? kept.count : 0;
    await removeParts(items, name, place, from, await countParts(items, name, place, from));
  };
  await Promise.all(PLACES.map(sweepOne));
}

/** The index of the first missing part; an unreadable part is not missing. */
async function countParts(items: SecureItems, name: string, place: Parts['place'], from: number): Promise<number> {
  for (let [end, unreadable] = [from, 0]; ; end++) {
    const text = await answerWithin(
      READ_MS,
      items.get(partName(name, place, end)).catch(() => false),
    );
    if (text === null || text === undefined) return end;
    if (text === false && ++unreadable === MOST_UNREADABLE) return end;
  }
}

/** The last one first: if the app is killed meanwhile, counting from the first still finds the rest. */
async function removeParts(
  items: SecureItems,
  name: string,
  place: Parts['place'],
  from: number,
  end: number,
): Promise<void> {
  for (let index = end; index > from; ) await items.remove(partName(name, place, --index));
}

async function erase(items: SecureItems, name: string, about: Known): Promise<void> {
  const { isSure, parts } = about;
  about.isSure = false;
  // The name is removed after its parts: if the app is killed meanwhile, the next read finds it and removes the rest.
  const isMarked = (isSure ? !!parts : await hasParts(items, name)) && (await isDone(items.set(name, GONE)));
  if (!isMarked) await items.remove(name);
  if (!isSure) await sweep(items, name, undefined);
  else if (parts) await removeParts(items, name, parts.place, 0, parts.count);
  if (isMarked) await items.remove(name);
  Object.assign(about, { parts: undefined, isSure: true });
}

async function hasParts(items: SecureItems, name: string): Promise<boolean> {
  const counts = await Promise.all(PLACES.map((place) => countParts(items, name, place, 0)));
  return counts.some((count) => count > 0);
}

function isDone(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function newMark(): string {
  return Math.floor(Math.random() * 1e9).toString(36); // no secret
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

/** Splits into texts of at most 2 000 bytes of UTF-8, never within a character. */
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
