import { StorageError } from '../../errors.js';

/** The health of a database, shared by all its users on this page. */
interface Health {
  /** Attempts to open it that have failed in a row. */
  failures: number;
  /** Set while it is dead. */
  fault: StorageError | undefined;
  /** On the clock of `performance`; a dead database is not opened before this moment. */
  quietUntil: number;
  /** Cancels each pending wait for it to open. */
  readonly waiting: Set<() => void>;
}

/** The only store. */
export const storeName = 'items';

/** How long opening may take; less than the 5 s that a call to the storage may take, so that its error says why. */
const OPEN_MS = 4_000;
/** How long opening a dead database again may take. */
const LOOK_MS = 1_000;
const QUIET_MS = 60_000;
const MOST_FAILURES = 3;
const RETRY_MS = 100;
const WAKE_MS = 500;

const healths = new WeakMap<object, Map<string, Health>>();

/** Why this database counts as dead, if it does. */
export function faultOf(name: string): StorageError | undefined {
  try {
    return healths.get(globalThis.indexedDB)?.get(name)?.fault;
  } catch {
    return undefined; // access denied
  }
}

/**
 * Opens the database, which has the store afterwards, also where it was missing.
 *
 * A database that fails three times in a row, or does not answer within 4 s, is dead: every call is refused at once with
 * one and the same `StorageError`. Once a minute a call may try again, for 1 s at most. As soon as it opens, calls are
 * accepted again.
 */
export async function openDatabase(name: string): Promise<IDBDatabase> {
  const factory = globalThis.indexedDB;
  if (!factory) throw new ReferenceError('indexedDB is missing');
  const health = healthOf(factory, name);
  const wasDead = health.fault;
  if (wasDead) {
    if (performance.now() < health.quietUntil) throw wasDead;
    health.quietUntil = performance.now() + QUIET_MS; // so that only this call tries
  }
  const alive = (): void => {
    Object.assign(health, { failures: 0, fault: undefined });
  };
  try {
    const database = await within(wasDead ? LOOK_MS : OPEN_MS, persist(factory, name, health), health, (late) => {
      alive();
      late.close();
    });
    alive();
    return database;
  } catch (error) {
    if (error !== silent && isRefusal(error)) throw error;
    health.failures++;
    if (error !== silent && health.failures < MOST_FAILURES) throw error;
    health.fault ??= dead(name, error === silent ? 'does not answer' : `failed with ${(error as Error).name}`);
    health.quietUntil = performance.now() + QUIET_MS;
    throw health.fault;
  }
}

/** Retries temporary failures, such as a connection that the browser lost, and creates a missing store. */
async function persist(factory: IDBFactory, name: string, health: Health): Promise<IDBDatabase> {
  let version: number | undefined;
  for (let pauseMs = RETRY_MS; ; ) {
    const { database, error } = await open(factory, name, version);
    version = undefined;
    if (database?.objectStoreNames.contains(storeName)) return database;
    if (database) {
      version = database.version + 1;
      database.close();
    } else if (error?.name !== 'VersionError') {
      // A VersionError is not a failure: another tab has created the store meanwhile.
      if (!error || isRefusal(error) || health.failures + 1 >= MOST_FAILURES) throw error;
      health.failures++;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs *= 3;
    }
  }
}

/** Resolves to the answer of the browser. An error that `open` throws itself is permanent, so it is not caught. */
function open(
  factory: IDBFactory,
  name: string,
  version: number | undefined,
): Promise<{ database?: IDBDatabase; error?: DOMException | null }> {
  const opening = factory.open(name, version);
  return new Promise((resolve) => {
    opening.onupgradeneeded = () => {
      if (!opening.result.objectStoreNames.contains(storeName)) opening.result.createObjectStore(storeName);
    };
    opening.onerror = () => resolve({ error: opening.error });
    opening.onsuccess = () => resolve({ database: opening.result });
  });
}

/** Whether IndexedDB is missing or denied to this page, which says nothing about the database. */
function isRefusal(error: unknown): boolean {
  return /^(Reference|Type|Security)Error$/.test((error as Error).name);
}

const silent = Symbol('no answer in time');

/**
 * The outcome, or a rejection with `silent` after `limitMs`; `late` gets a value that comes after that.
 *
 * When one wait times out, all waits for the same database end.
 */
function within<T>(limitMs: number, work: Promise<T>, { waiting }: Health, late: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let hasGivenUp = false;
    const giveUp = (): void => {
      hasGivenUp = true;
      end();
      reject(silent);
    };
    const startedAt = performance.now();
    let timer = setTimeout(() => {
      // After a page was frozen, its timers run before pending answers are delivered.
      if (performance.now() - startedAt < limitMs + WAKE_MS) for (const each of [...waiting]) each();
      else timer = setTimeout(giveUp, WAKE_MS);
    }, limitMs);
    const end = (): void => {
      clearTimeout(timer);
      waiting.delete(giveUp);
    };
    waiting.add(giveUp);
    work.then((value) => (hasGivenUp ? late(value) : resolve(value)), reject).finally(end);
  });
}

function healthOf(factory: IDBFactory, name: string): Health {
  const known = healths.get(factory) ?? new Map<string, Health>();
  healths.set(factory, known);
  const health = known.get(name) ?? { failures: 0, fault: undefined, quietUntil: 0, waiting: new Set() };
  known.set(name, health);
  return health;
}

function dead(name: string, why: string): StorageError {
  const message = `Expected the database '${name}' of IndexedDB to open, but it ${why}; nothing is lost, it is tried again once a minute.`;
  return new StorageError('ERR_STORAGE_READ', message);
}
