import { OptionsError, StorageError } from '../errors.js';
import type { Registers } from '../ports/registers.js';
import type { TokenStorage } from '../ports/storage.js';
import { forOneTab } from './parts/place.js';
import { ownTab } from './web-storage/tab-owner.js';

/** The writes under one key, shared by all tabs. Each write has a number, which is stored in front of the string. */
interface Writes {
  /** The newest write that was begun. */
  readonly begun: number;
  /** The newest write that was done. */
  readonly done: number;
  /** Whether the write `done` removed the string. */
  readonly removed: boolean;
  /** The highest fence of the lock that a write came with. */
  readonly fence: number;
  /** How many reads have waited in vain for the newest write to become visible. */
  readonly misses?: number;
}

type Items = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const nothingWritten: Writes = { begun: 0, done: 0, removed: false, fence: 0 };

/** How long a write may take; after that, its tab counts as dead. */
const finishMs = 1_000;
/** How long a finished write may take to become visible; less than the 5 s that a read may take. */
const showMs = 4_000;
/** The same if there is no string at all: most likely the storage was cleared. */
const clearedMs = 1_200;
/** After this many reads an older string is accepted: the newer one is lost, for example in a crash of the browser. */
const mostMisses = 3;
/** How long to wait for a write to become visible if there are no registers to check it. */
const settleMs = 50;

/**
 * Keeps strings in `localStorage` or `sessionStorage`; with registers, a read never shows less than the newest write.
 *
 * Browsers show what one tab writes to `localStorage` in the others some time later, also to one that holds a Web Lock.
 * So each write is numbered, its number is kept in a register, and a read waits for the string with that number. The
 * register holds numbers alone. Where registers are missing, a write takes 50 ms, within which others usually see it.
 *
 * A read rejects with `ERR_STORAGE_READ` if an older string is still there after 4 s; the fourth such read gives it. It
 * resolves to null if there is none after 1.2 s, and from then on at once. A write rejects with `ERR_STORAGE_WRITE` if
 * another one has begun meanwhile or had a newer fence. Where access to the storage is refused, strings are kept in
 * memory and `fault` says so. A duplicated tab begins without what is in the `sessionStorage` of its original. Registers
 * that fail from the start of the page count as missing.
 */
export function areaStorage(area: 'local' | 'session', registers?: Registers): TokenStorage {
  if (area !== 'local' && area !== 'session') {
    throw new OptionsError('ERR_OPTIONS', "Expected 'local' or 'session' for localStorage or sessionStorage.");
  }
  const known = registers && unlessDead(registers);
  let items: Items | undefined;
  let fault: StorageError | undefined;

  function open(): Items {
    if (items) return items;
    try {
      items = area === 'local' ? localStorage : sessionStorage;
      items.getItem(''); // throws where it is null
    } catch {
      items = memoryItems();
      fault = new StorageError(
        'ERR_STORAGE_READ',
        `Expected ${area}Storage, found it missing or refused; the session is kept in memory.`,
      );
    }
    return items;
  }

  /** Runs a task with registers, or `standIn` without. */
  async function use<T>(task: (known: Registers) => Promise<T>, standIn: () => T): Promise<T> {
    const opened = open();
    if (area === 'session' && !fault) await ownTab(opened as Storage).catch(() => undefined);
    try {
      if (known && !fault) return await task(known);
    } catch (error) {
      if (error !== isDead && !/^(Reference|Type|Security)Error$/.test((error as Error).name)) throw error;
    }
    return standIn();
  }

  async function write(key: string, value: string | null, fence = 0): Promise<void> {
    let settle = false;
    await use(
      (known) => writeNumbered(open(), known, key, value, fence),
      () => {
        put(open(), key, value);
        settle = area === 'local' && !fault;
      },
    );
    if (settle) await sleep(settleMs);
  }

  const storage: TokenStorage = {
    get fault() {
      return fault;
    },
    getItem: (key) =>
      use(
        (known) => readNumbered(open(), known, key),
        () => parse(open().getItem(key)).value,
      ),
    setItem: (key, value, options) => write(key, value, options?.fence),
    removeItem: (key, options) => write(key, null, options?.fence),
  };
  return area === 'session' ? forOneTab(storage) : storage;
}

const isDead = Symbol('registers that never answered');

/** The registers, which reject with `isDead` after a `StorageError` that came before their first answer. */
function unlessDead(registers: Registers): Registers {
  let hasAnswered = false;
  const heard = <T>(value: T): T => {
    hasAnswered = true;
    return value;
  };
  return async (key, change) => {
    try {
      return heard(await registers(key, change && ((value) => change(heard(value)))));
    } catch (error) {
      if (!hasAnswered && error instanceof StorageError) throw isDead;
      throw error;
    }
  };
}

async function readNumbered(items: Items, registers: Registers, key: string): Promise<string | null> {
  for (const startedAt = performance.now(); ; await sleep(5)) {
    const writes = (await registers<Writes>(writesOf(key))) ?? nothingWritten;
    const { begun, done, removed, misses = 0 } = writes;
    const { number, value } = parse(items.getItem(key));
    const waitedMs = performance.now() - startedAt;
    const finished = begun === done || waitedMs > finishMs;
    const miss = (change: Partial<Writes>): Promise<unknown> => noteMiss(registers, key, writes, change);
    if (number >= begun && (begun > done || !removed)) return value;
    // If the tab that began that write still continues it, it is refused.
    if (finished && begun > done) await miss({ begun: done });
    if (finished && removed) return null;
    if (finished && number >= done) return value;
    if (value === null && (misses > 0 || waitedMs > clearedMs)) {
      if (misses === 0) await miss({ begun: done, misses: 1 });
      return null;
    }
    if (finished && misses >= mostMisses) return value;
    if (waitedMs > showMs) {
      await miss({ misses: misses + 1 });
      const message = `Expected write ${done} in localStorage, found ${number} after ${showMs} ms; try again.`;
      throw new StorageError('ERR_STORAGE_READ', message);
    }
  }
}

/** Notes a write that did not become visible, so that other reads need not wait; the next write resets this. */
async function noteMiss(registers: Registers, key: string, seen: Writes, change: Partial<Writes>): Promise<void> {
  await registers<Writes>(writesOf(key), (writes) =>
    writes?.begun === seen.begun && writes.done === seen.done ? { ...writes, ...change } : writes,
  ).catch(() => undefined);
}

/** Two steps: the register announces the write to readers; then it is done while no other can begin. */
async function writeNumbered(
  items: Items,
  registers: Registers,
  key: string,
  value: string | null,
  fence: number,
): Promise<void> {
  let number = 0;
  let failure: unknown;
  await registers<Writes>(writesOf(key), (writes = nothingWritten) => {
    if (fence && fence < writes.fence) throw overtaken(`fence ${fence} is older than ${writes.fence}`);
    const shown = parse(items.getItem(key)).number;
    number = Math.max(writes.begun, shown < Infinity ? shown : 0) + 1;
    return { ...writes, begun: number, fence: fence || writes.fence };
  });
  await registers<Writes>(writesOf(key), (writes) => {
    if (writes?.begun !== number) throw overtaken('another write has begun since');
    try {
      put(items, key, value === null ? null : `${number} ${value}`);
    } catch (error) {
      failure = error; // such as a full storage; readers need not wait for this write
      return { ...writes, begun: writes.done };
    }
    return { ...writes, done: number, removed: value === null, misses: 0 };
  });
  if (failure) throw failure;
}

function overtaken(found: string): StorageError {
  return new StorageError('ERR_STORAGE_WRITE', `Expected the newest holder of the lock, but ${found}; read again.`);
}

/** A string without a number was written by something else, and counts as the newest. */
function parse(stored: string | null): { number: number; value: string | null } {
  const match = stored === null ? null : /^(\d+) (.*)$/s.exec(stored);
  if (match) return { number: Number(match[1]), value: match[2] ?? '' };
  return { number: stored === null ? 0 : Infinity, value: stored };
}

function put(items: Items, key: string, value: string | null): void {
  if (value === null) items.removeItem(key);
  else items.setItem(key, value);
}

function memoryItems(): Items {
  const strings = new Map<string, string>();
  return {
    getItem: (key) => strings.get(key) ?? null,
    setItem: (key, value) => void strings.set(key, value),
    removeItem: (key) => void strings.delete(key),
  };
}

const writesOf = (key: string): string => `${key}:writes`;

const sleep = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));
