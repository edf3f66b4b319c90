import { OptionsError, StorageError } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';
import { inPlace } from './parts/place.js';
import { answerWithin, createWriteTurns } from './parts/write-turns.js';

/** Options that every call to the keychain is given. */
export interface KeychainOptionsLike {
  /** iOS: when the item can be read. Default `AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY`. */
  accessible?: string;
  /** iOS: shares the item among apps. */
  accessGroup?: string;
  /** Android: the kind of encryption. Default: the strongest one that needs no biometric prompt. */
  storage?: string;
  /** Set by the adapter. */
  service?: string;
}

/** What is called of `react-native-keychain`; `import * as Keychain` is one. */
export interface KeychainLike {
  getGenericPassword(options?: KeychainOptionsLike): Promise<false | { username: string; password: string }>;
  setGenericPassword(username: string, password: string, options?: KeychainOptionsLike): Promise<unknown>;
  resetGenericPassword(options?: KeychainOptionsLike): Promise<unknown>;
  readonly ACCESSIBLE?: { readonly AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY?: string };
}

interface Entry {
  /** Grows with every write; 0 for a missing entry. */
  readonly count: number;
  readonly value: string | null;
}

/** The two places of a key: its name, and its name with `#2`. */
type Place = 0 | 1;

/** What this process knows about a key. */
interface Known {
  /** The place of the newest entry, and its count; undefined before the first read or write. */
  newest?: { readonly place: Place; readonly count: number } | undefined;
  /** Native writes under way. */
  readonly busy: [number, number];
  /** Counts the writes, so that the result of a read that ran during a write is not remembered. */
  writes: number;
}

/** Shared by all storages on the same module, which is one keychain. */
interface Memory {
  readonly known: Map<string, Known>;
  readonly turns: ReturnType<typeof createWriteTurns>;
}

const memories = new WeakMap<object, Memory>();
const READ_MS = 1_000;

/**
 * Keeps sessions in the keychain of iOS and the keystore of Android, through react-native-keychain.
 *
 * By default readable from the first unlock after a restart, so that background fetch works, and never moved to another
 * device by a backup, where two devices would share one refresh token. On iOS items outlive the app.
 *
 * Rejects with a `StorageError`, also while the device has not been unlocked: nothing is deleted, try again. Writing and
 * removing need no read that succeeds, so that an entry whose key is lost is replaced by the next sign-in; and a native
 * write that never ends holds up the next one for 5 s.
 */
export function keychain(module: KeychainLike, options: KeychainOptionsLike = {}): TokenStorage {
  if (typeof module?.getGenericPassword !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the module react-native-keychain, got ${typeof module}. Write import * as Keychain.`,
    );
  }
  const accessible = module.ACCESSIBLE?.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY;
  const shared: KeychainOptionsLike = { ...(accessible === undefined ? {} : { accessible }), ...options };

  const { known, turns } = memoryOf(module);
  const entries = entriesOf(module, shared);

  const storage: TokenStorage = {
    async getItem(key) {
      const about = knownOf(known, key);
      for (let tries = 0; tries < 3; tries++) {
        const { writes } = about;
        const [first, second] = await entries.readBoth(key);
        const newest = newestOf(first, second);
        const { value } = newest.place === 0 ? first : second;
        if (value !== null && writes === about.writes) about.newest = newest;
        if (value !== null) return value;
        // There is none, or it moved to the place that was read first: read again.
      }
      return null;
    },
    setItem: (key, value) =>
      turns(key, { value, carryOut: (goOn) => write(entries, knownOf(known, key), key, value, goOn) }),
    removeItem: (key) =>
      turns(key, {
        value: null,
        async carryOut(goOn) {
          const about = knownOf(known, key);
          const { place } = about.newest ?? (await entries.learn(key));
          about.writes++;
          goOn();
          await entries.remove(key, place === 0 ? 1 : 0); // the older one first, so that it never becomes the newest
          goOn();
          await entries.remove(key, place);
          about.newest = undefined;
        },
      }),
  };
  return inPlace(storage, module, options.accessGroup ?? '');
}

/** What is called of the module, with typed errors. */
interface Entries {
  readBoth(key: string): Promise<[Entry, Entry]>;
  /** Finds the newer place. An unreadable entry counts as missing, so it is overwritten first. */
  learn(key: string): Promise<Learned>;
  set(key: string, place: Place, count: number, value: string): Promise<void>;
  remove(key: string, place: Place): Promise<void>;
}

type Learned = NonNullable<Known['newest']> & { readonly isDamaged?: boolean };

function entriesOf(module: KeychainLike, shared: KeychainOptionsLike): Entries {
  async function read(key: string, place: Place): Promise<Entry> {
    const found = await module
      .getGenericPassword({ ...shared, service: serviceOf(key, place) })
      .catch(fail('ERR_STORAGE_READ'));
    return found ? { count: Number(found.username) || 0, value: found.password } : { count: 0, value: null };
  }

  async function readBoth(key: string): Promise<[Entry, Entry]> {
    const first = await read(key, 0);
    return [first, await read(key, 1)];
  }

  async function learn(key: string): Promise<Learned> {
    const [first, second] = await Promise.all([
      answerWithin(READ_MS, read(key, 0)),
      answerWithin(READ_MS, read(key, 1)),
    ]);
    if (first && second) return newestOf(first, second);
    // higher than any count that may be stored
    const count = Math.max(Date.now(), first?.count ?? 0, second?.count ?? 0);
    return { place: first ? 0 : 1, count, isDamaged: true };
  }

  async function set(key: string, place: Place, count: number, value: string): Promise<void> {
    const given = { ...shared, service: serviceOf(key, place) };
    const stored = await module.setGenericPassword(String(count), value, given);
    if (stored === false) throw undefined;
  }

  async function remove(key: string, place: Place): Promise<void> {
    await module.resetGenericPassword({ ...shared, service: serviceOf(key, place) }).catch(fail('ERR_STORAGE_WRITE'));
  }

  return { readBoth, learn, set, remove };
}

async function write(entries: Entries, about: Known, key: string, value: string, goOn: () => void): Promise<void> {
  // On iOS the module deletes an item before it adds the new one. So the new value is written to the other place with a
  // higher count, and the old one is deleted after that.
  const newest: Learned = about.newest ?? (await entries.learn(key));
  goOn();
  const other: Place = newest.place === 0 ? 1 : 0;
  // An earlier write to that place may still be pending, and would overwrite this one.
  const isFree = about.busy[other] === 0;
  const [place, count] = [isFree ? other : newest.place, newest.count + (isFree ? 1 : 2)];
  about.writes++;
  about.busy[place]++;
  try {
    await entries.set(key, place, count, value).catch(async (error: unknown) => {
      if (!newest.isDamaged) return fail('ERR_STORAGE_WRITE')(error);
      // An entry whose key is lost may have to be removed before it can be written.
      goOn();
      await entries.remove(key, place);
      goOn();
      await entries.set(key, place, count, value).catch(fail('ERR_STORAGE_WRITE'));
    });
  } finally {
    about.busy[place]--;
  }
  goOn();
  about.newest = { place, count };
  await entries.remove(key, place === 0 ? 1 : 0).catch(() => undefined);
}

function memoryOf(module: KeychainLike): Memory {
  const memory = memories.get(module) ?? { known: new Map(), turns: createWriteTurns() };
  memories.set(module, memory);
  return memory;
}

function knownOf(known: Memory['known'], key: string): Known {
  const about = known.get(key) ?? { busy: [0, 0], writes: 0 };
  known.set(key, about);
  return about;
}

function serviceOf(key: string, place: Place): string {
  return place === 0 ? key : `${key}#2`;
}

function newestOf(first: Entry, second: Entry): { place: Place; count: number } {
  return first.count >= second.count ? { place: 0, count: first.count } : { place: 1, count: second.count };
}

function fail(code: 'ERR_STORAGE_READ' | 'ERR_STORAGE_WRITE'): (error: unknown) => never {
  return (error) => {
    const { name, code: reason } = Object(error) as { name?: unknown; code?: unknown };
    const why = String(reason ?? name ?? 'refused');
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write to';
    const message = `Could not ${action} the keychain: ${why}. The device may be locked; nothing is lost, try again.`;
    throw new StorageError(code, message, { cause: { name: String(name), code: why } });
  };
}
