import { describe, expect, it, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { peers, type StorageUnderTest, storageContract } from '../../src/testing.js';

const ALL = { shared: true, fences: true };

function sound(): StorageUnderTest & { second: TokenStorage } {
  const [first, second] = peers(2, { fences: true });
  return { storage: first.platform.storage, second: second.platform.storage };
}

describe('a storage in memory', () => {
  for (const check of storageContract(sound, ALL)) test(check.name, check.run);
});

describe('a storage that answers at once, like localStorage in one tab', () => {
  const make = () => {
    const items = new Map<string, string>();
    const storage: TokenStorage = {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => items.set(key, value),
      removeItem: (key) => items.delete(key),
    };
    return { storage };
  };
  for (const check of storageContract(make)) test(check.name, check.run);
});

type Break = (
  storage: TokenStorage,
  second: TokenStorage,
  log: string[],
) => Partial<TokenStorage> & { second?: TokenStorage };

/** For each check, a storage that breaks this very promise. */
const broken: Record<string, Break> = {
  'gives null for a key that was never set': (storage) => ({
    getItem: async (key) => (await storage.getItem(key)) ?? '',
  }),
  'gives back the value that was set last': (storage) => ({
    setItem: async (key, value) => (await storage.getItem(key)) ?? storage.setItem(key, value),
  }),
  'replaces a long value by a short one as a whole': (storage) => ({
    setItem: async (key, value) =>
      storage.setItem(key, value + ((await storage.getItem(key)) ?? '').slice(value.length)),
  }),
  'keeps every character': (storage) => ({
    setItem: (key, value) => storage.setItem(key, value.replace(/[^ -~]/g, '?')),
  }),
  'keeps keys apart, however much alike': (storage) => ({
    getItem: (key) => storage.getItem(key.toLowerCase()),
    setItem: (key, value) => storage.setItem(key.toLowerCase(), value),
  }),
  'keeps a value as long as it has to': (storage) => ({
    setItem: (key, value) => storage.setItem(key, value.slice(0, 65_536)),
  }),
  'gives null after the value was removed, and keeps a new one': () => ({ removeItem: () => undefined }),
  'removes one key and no other': (storage) => ({
    removeItem: async (key) => [await storage.removeItem(key), await storage.removeItem(`${key}:other`)],
  }),
  'removes what is not there without an error': (storage) => ({
    removeItem: async (key) => {
      if ((await storage.getItem(key)) === null) throw new Error('nothing there');
      return storage.removeItem(key);
    },
  }),
  'is left with one whole value when many are written at once': (storage) => ({
    setItem: async (key, value) => {
      await storage.setItem(key, value.slice(0, 1_000));
      for (let wait = value.charCodeAt(0); wait < 120; wait++) await Promise.resolve(); // those first in are last out
      const begun = (await storage.getItem(key)) ?? '';
      return storage.setItem(key, begun.slice(0, 1_000) + value.slice(1_000));
    },
  }),
  'never shows part of a value while it is replaced': (storage) => ({
    setItem: async (key, value) => {
      await storage.setItem(key, value.slice(0, value.length / 2));
      return storage.setItem(key, value);
    },
  }),
  'shows another context at once what was written': (_, second) => ({ second: stale(second) }),
  'shows another context at once that a value was removed': (_, second) => ({
    second: remembering(second),
  }),
  'is left with one whole value, the same for all, when several contexts write at once': () => ({
    second: sound().storage,
  }),
  'refuses a write under an outdated fence, and keeps what is there': (storage) => ({
    setItem: (key, value) => storage.setItem(key, value),
  }),
  'accepts a write under the same fence, a newer one, or none': (storage) => ({
    setItem: (key, value, options) => storage.setItem(key, value, { fence: -(options?.fence ?? 0) }),
  }),
  'refuses to remove under an outdated fence': (storage) => ({ removeItem: (key) => storage.removeItem(key) }),
  'remembers the newest fence after a removal': (storage) => ({
    removeItem: async (key, options) => {
      const fence = options?.fence;
      await storage.removeItem(key, options);
      if (fence !== undefined) forgotten.add(key);
    },
    setItem: (key, value, options) => storage.setItem(key, value, forgotten.has(key) ? {} : options),
  }),
  'keeps the fences of different keys apart': (storage) => ({
    setItem: async (key, value, options) => {
      await storage.setItem('the only fence', '', options);
      return storage.setItem(key, value, options);
    },
  }),
  'lets the newest fence win when many write at once': (storage) => ({ setItem: checkedTooEarly(storage) }),
  'refuses an outdated fence of another context': (_, second) => ({
    second: { ...second, setItem: (key, value) => second.setItem(key, value) },
  }),
  'lets the newest fence win when several contexts write at once': (_, second) => ({
    second: { ...second, setItem: checkedTooEarly(second) },
  }),
};

const forgotten = new Set<string>();

/** Reads once and then believes itself for a while. */
function stale(storage: TokenStorage): TokenStorage {
  const seen = new Map<string, string | null>();
  return {
    ...storage,
    getItem: async (key) => {
      const before = seen.get(key) ?? null;
      seen.set(key, await storage.getItem(key));
      return before;
    },
  };
}

/** Does not notice that a value is gone. */
function remembering(storage: TokenStorage): TokenStorage {
  let last: string | null = null;
  return {
    ...storage,
    getItem: async (key) => {
      last = (await storage.getItem(key)) ?? last;
      return last;
    },
  };
}

/** Looks at the fence first and writes later, in two steps. */
function checkedTooEarly(storage: TokenStorage): TokenStorage['setItem'] {
  let newest = 0;
  return async (key, value, options) => {
    const fence = options?.fence ?? 0;
    if (fence < newest) throw new Error('outdated');
    newest = fence;
    for (let wait = 20; wait > fence; wait--) await Promise.resolve();
    return storage.setItem(key, value);
  };
}

describe('the contract sees a storage that', () => {
  const checks = storageContract(sound, ALL);

  it('breaks any of its promises', () => {
    expect(Object.keys(broken).sort()).toEqual(checks.map(({ name }) => name).sort());
  });

  it.each(Object.entries(broken))('does not keep this: %s', async (name, breaks) => {
    const make = () => {
      const { storage, second } = sound();
      const { second: other = second, ...methods } = breaks(storage, second, []);
      return { storage: { ...storage, ...methods }, second: other };
    };
    const check = storageContract(make, { ...ALL, boundMs: 1_000 }).find((one) => one.name === name);
    await expect(check?.run()).rejects.toThrow(/^Expected|nothing there/);
  });

  it('never answers', async () => {
    const make = () => ({ storage: { ...sound().storage, getItem: () => new Promise<null>(() => undefined) } });
    const [first] = storageContract(make, { boundMs: 20 });
    await expect(first?.run()).rejects.toThrow('within 20 ms');
  });

  it('claims to be shared and has no second view', async () => {
    const check = storageContract(() => ({ storage: sound().storage }), { shared: true }).at(-1);
    await expect(check?.run()).rejects.toThrow('Expected the factory to give `second`');
  });
});
