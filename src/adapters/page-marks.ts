import type { Marks } from '../ports/marks.js';
import { isServer } from './parts/is-server.js';

/**
 * Marks in `localStorage`, which all tabs share; where that refuses, in `sessionStorage`, or else in memory.
 *
 * Looks for them on each call. Never throws. A worker has memory alone.
 */
export function pageMarks(): Marks {
  const memory = new Map<string, string>();
  const inMemory: Area = {
    getItem: (key) => memory.get(key) ?? null,
    setItem: (key, value) => void memory.set(key, value),
    removeItem: (key) => void memory.delete(key),
  };
  // On a server, a storage would be shared by all visitors.
  const areas = (): (() => Area)[] => (isServer() ? [] : [() => localStorage, () => sessionStorage]);
  const all = (): (() => Area)[] => [...areas(), () => inMemory];
  return {
    get: (key) =>
      all()
        .map((area) => attempt(() => area().getItem(key)))
        .find((found) => typeof found === 'string') ?? null,
    set(key, value) {
      let isSet = value === null;
      for (const area of all()) {
        // The other areas then contain an older value.
        if (!isSet && value !== null && attempt(() => put(area(), key, value))) isSet = true;
        else attempt(() => area().removeItem(key));
      }
    },
  };
}

function put(area: Area, key: string, value: string): boolean {
  area.setItem(key, value);
  return area.getItem(key) === value;
}

type Area = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Undefined where access is refused, or the storage is full. */
function attempt<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}
