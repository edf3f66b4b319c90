import { dueEntry, readTimes, sessionKey } from '../../core/due.js';
import { isInSameRows } from '../../core/shared-rows.js';
import type { DueIndex } from '../../ports/due-index.js';
import type { TokenStorage } from '../../ports/storage.js';
import { type LaneOptions, laneRules, wrongOption } from './lane-options.js';

/** See {@link indexed}. */
export interface IndexedOptions {
  /** The lane of a session, by its key. Default: all are in the lane `default`. */
  laneOf?: (key: string) => string;
  /** The lanes' options, the same as those of the fleet. */
  lanes?: Readonly<Record<string, LaneOptions>>;
  /** Time. Default: the system's. */
  now?: () => number;
}

/**
 * Writes into a due index what a fleet has to know of each session that is stored.
 *
 * Around a storage that encrypts, not inside it: `indexed(encrypted(storage, keys), due)`. The entry is written before
 * the record and removed after it, so that a crash in between leaves an entry too many, never one too few. Rejects as
 * the storage does; where the index cannot be written, the record is written all the same, and `fleet.reindex()` or the
 * session's next write makes the entry good. Where both are rows of one database, one statement writes both.
 */
export function indexed(storage: TokenStorage, due: DueIndex, options: IndexedOptions = {}): TokenStorage {
  const { now = () => Date.now() } = check(storage, due, options);
  const laneOf = (key: string) => options.laneOf?.(key) || 'default';
  const ruleOf = laneRules(options.lanes);
  /** Sessions with a refresh under way, as far as they were written here. */
  const marked = new Set<string>();
  const isOneRow = isInSameRows(storage, due);

  return {
    getItem: (key) => storage.getItem(key),
    get fault() {
      return storage.fault;
    },
    async setItem(storageKey, value, given) {
      const times = readTimes(value, now());
      if (times) {
        const key = sessionKey(storageKey);
        const lane = laneOf(key);
        if (times.unanswered) marked.add(key);
        else marked.delete(key);
        const entry = dueEntry(key, lane, times, ruleOf(lane), now());
        if (isOneRow) return void (await storage.setItem(storageKey, value, { ...given, due: entry } as typeof given));
        await quietly(() => due.put(key, entry));
      }
      await storage.setItem(storageKey, value, given);
    },
    async removeItem(storageKey, given) {
      await storage.removeItem(storageKey, given);
      const key = sessionKey(storageKey);
      // Under a refresh, the one who removes is the one whom the provider has told that the session is over. A sign-out
      // in the middle of one is listed as well: an end too many, never one too few.
      const ended = marked.delete(key) ? { reason: 'rejected', at: now() } : undefined;
      if (ended || !isOneRow) await quietly(() => due.remove(key, ended));
    },
  };
}

function check(storage: TokenStorage, due: DueIndex, options: IndexedOptions): IndexedOptions {
  const wrong = (what: string, expected: string, came: unknown) =>
    wrongOption(`${what} of indexed()`, expected, typeof came);
  if (typeof storage?.setItem !== 'function') throw wrong('the storage', 'a storage', storage);
  if (typeof due?.put !== 'function') throw wrong('due', 'a due index', due);
  const { laneOf, lanes, now, ...unknown } = Object(options) as IndexedOptions;
  const [other] = Object.keys(unknown);
  if (Object(options) !== options || other) throw wrong('the options', 'laneOf, lanes and now', other ?? options);
  for (const [name, given] of Object.entries({ laneOf, now })) {
    if (given !== undefined && typeof given !== 'function') throw wrong(name, 'a function', given);
  }
  return options;
}

async function quietly(write: () => unknown): Promise<void> {
  try {
    await write();
  } catch {
    // the record is what counts
  }
}
