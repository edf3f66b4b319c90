import type { TokenManagerOptions } from '../../manager/options.js';
import type { Terms } from './limited.js';
import type { Clock } from './steady-time.js';

export type LimitStorage = Pick<
  NonNullable<TokenManagerOptions['platform']>['storage'],
  'getItem' | 'setItem' | 'removeItem'
>;

/** When a session was used. */
export interface Use {
  readonly sessionId: string;
  readonly usedAt: number;
}

/**
 * Two items, so that whoever stores a use cannot undo what another peer has tightened meanwhile.
 *
 * One call after another; each rejects after 5 000 ms, like the manager's own.
 */
export interface LimitItems {
  read(): Promise<{ terms: Terms | undefined; use: Use | undefined }>;
  /** Unless `isOver` by the time that it is its turn. */
  write(item: Terms | Use, isOver: () => boolean): Promise<void>;
  /** Removes what is of this session. */
  remove(sessionId: string): Promise<void>;
}

const STORAGE_MS = 5_000;

export function limitItems(storage: LimitStorage, key: string, clock: Clock): LimitItems {
  const usedKey = `${key}:used`;
  let queue: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(() => bounded(work(), clock));
    queue = result.catch(() => undefined);
    return result;
  }

  const get = async <Item extends Terms | Use>(name: string, needs: string): Promise<Item | undefined> =>
    parse(await storage.getItem(name), needs) as Item | undefined;

  return {
    read: () =>
      inTurn(async () => ({
        terms: await get<Terms>(key, 'startedAt'),
        use: await get<Use>(usedKey, 'usedAt'),
      })),
    write: (item, isOver) =>
      inTurn(async () => {
        if (!isOver()) await storage.setItem('usedAt' in item ? usedKey : key, JSON.stringify(item));
      }),
    remove: (sessionId) =>
      inTurn(async () => {
        for (const name of [key, usedKey]) {
          if ((await get(name, 'sessionId'))?.sessionId === sessionId) await storage.removeItem(name);
        }
      }),
  };
}

/** An item of ours: a session and numbers. Anything else counts as none. */
function parse(text: string | null, needs: string): unknown {
  try {
    const { sessionId, ...numbers } = JSON.parse(text ?? '');
    const isOurs = typeof sessionId === 'string' && Object.values(numbers).every(Number.isFinite);
    return isOurs && { sessionId, ...numbers }[needs] !== undefined ? { sessionId, ...numbers } : undefined;
  } catch {
    return undefined;
  }
}

function bounded<T>(work: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = clock.after(STORAGE_MS, () => reject(new Error('The storage did not answer.')));
    work.then(resolve, reject).finally(stop);
  });
}
