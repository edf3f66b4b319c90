import type { TokenStorage } from '../ports/storage.js';
import {
  type ContractCheck,
  type ContractOptions,
  createChecks,
  type Make,
  type Promises,
  refused,
  same,
  type UnderTest,
} from './contract.js';

/** What the factory of {@link storageContract} gives. */
export interface StorageUnderTest extends UnderTest {
  storage: TokenStorage;
  /** Another view on the same storage, as another tab or process has; needed with `shared`. */
  second?: TokenStorage;
}

/** What a storage claims beyond the essentials. */
export interface StorageContractOptions extends ContractOptions {
  /** Others see at once what one has written: also runs the checks that use `second`. Default `false`. */
  shared?: boolean;
  /** Writes under an outdated fence are refused: also runs the checks of that. Default `false`. */
  fences?: boolean;
  /** The longest value it has to keep, in characters. Default 100 000. */
  longestValue?: number;
}

/**
 * The checks of a storage: what the manager relies on, in plain words, for any test runner.
 *
 * Every check uses keys of its own and removes them, so a storage that outlives the check does no harm.
 *
 * @example
 * for (const { name, run } of storageContract(() => ({ storage: myStorage() }))) test(name, run);
 */
export function storageContract(
  make: Make<StorageUnderTest>,
  { shared = false, fences = false, longestValue = 100_000, ...options }: StorageContractOptions = {},
): ContractCheck[] {
  const promises = {
    ...essentials(longestValue),
    ...(shared && acrossContexts),
    ...(fences && underFences),
    ...(shared && fences && underFencesAcrossContexts),
  };
  return createChecks(make, tidied(promises), options);
}

/** The same promises, each followed by removing what it has stored. */
function tidied(promises: Promises<StorageUnderTest>): Promises<StorageUnderTest> {
  const tidy = (promise: Promises<StorageUnderTest>[string]) => async (subject: StorageUnderTest, key: string) => {
    await promise(subject, key);
    for (const one of [key, `${key}:other`]) await subject.storage.removeItem(one);
  };
  return Object.fromEntries(Object.entries(promises).map(([name, promise]) => [name, tidy(promise)]));
}

const essentials = (longestValue: number): Promises<StorageUnderTest> => ({
  ...values,
  'keeps a value as long as it has to': async ({ storage }, key) => {
    const long = 'abcdefghij'.repeat(Math.ceil(longestValue / 10)).slice(0, longestValue);
    await storage.setItem(key, long);
    same(await storage.getItem(key), long, 'the long value');
  },
  ...removals,
  ...manyAtOnce,
});

const values: Promises<StorageUnderTest> = {
  'gives null for a key that was never set': async ({ storage }, key) => {
    same(await storage.getItem(key), null, 'a value that was never set');
  },
  'gives back the value that was set last': async ({ storage }, key) => {
    await storage.setItem(key, 'first');
    same(await storage.getItem(key), 'first', 'the value');
    await storage.setItem(key, 'second');
    same(await storage.getItem(key), 'second', 'the value');
    same(await storage.getItem(key), 'second', 'the value, read again');
  },
  'replaces a long value by a short one as a whole': async ({ storage }, key) => {
    await storage.setItem(key, 'long '.repeat(400));
    await storage.setItem(key, 'short');
    same(await storage.getItem(key), 'short', 'the short value');
  },
  'keeps every character': async ({ storage }, key) => {
    const special = '{"a":"b"} \\ \' \t\r\n % & + = ; äöü € 中文 🙂 \u2028 null';
    await storage.setItem(key, special);
    same(await storage.getItem(key), special, 'the value');
  },
  'keeps keys apart, however much alike': async ({ storage }, key) => {
    const keys = [key, `${key}:a`, `${key}a`, key.toUpperCase(), `${key}/a`, `${key} ä`, `${key}.__proto__`];
    for (const one of keys) await storage.setItem(one, `value of ${one}`);
    for (const one of keys) same(await storage.getItem(one), `value of ${one}`, `the value of ${one}`);
    for (const one of keys) await storage.removeItem(one);
  },
};

const removals: Promises<StorageUnderTest> = {
  'gives null after the value was removed, and keeps a new one': async ({ storage }, key) => {
    await storage.setItem(key, 'old');
    await storage.removeItem(key);
    same(await storage.getItem(key), null, 'a removed value');
    await storage.setItem(key, 'new');
    same(await storage.getItem(key), 'new', 'a value set after removing');
  },
  'removes one key and no other': async ({ storage }, key) => {
    await storage.setItem(key, 'goes');
    await storage.setItem(`${key}:other`, 'stays');
    await storage.removeItem(key);
    same(await storage.getItem(`${key}:other`), 'stays', 'the value of the other key');
    await storage.removeItem(`${key}:other`);
  },
  'removes what is not there without an error': async ({ storage }, key) => {
    await storage.removeItem(key);
    await storage.removeItem(key);
    same(await storage.getItem(key), null, 'the value');
  },
};

const manyAtOnce: Promises<StorageUnderTest> = {
  'is left with one whole value when many are written at once': async ({ storage }, key) => {
    await writeAtOnce([storage], key);
  },
  'never shows part of a value while it is replaced': async ({ storage }, key) => {
    const written = wholeValues(10);
    await storage.setItem(key, written[0] ?? '');
    const reads: Array<string | null> = [];
    const read = async () => reads.push(await storage.getItem(key));
    for (const value of written) await Promise.all([read(), storage.setItem(key, value), read()]);
    for (const value of reads)
      same(written.includes(value ?? ''), true, 'what was read to be one of the whole values:');
  },
};

const acrossContexts: Promises<StorageUnderTest> = {
  'shows another context at once what was written': async (subject, key) => {
    const [first, second] = views(subject);
    for (let round = 0; round < 10; round++) {
      await first.setItem(key, `first ${round}`);
      same(await second.getItem(key), `first ${round}`, 'what the second context reads');
      await second.setItem(key, `second ${round}`);
      same(await first.getItem(key), `second ${round}`, 'what the first context reads');
    }
  },
  'shows another context at once that a value was removed': async (subject, key) => {
    const [first, second] = views(subject);
    await first.setItem(key, 'value');
    same(await second.getItem(key), 'value', 'what the second context reads');
    await first.removeItem(key);
    same(await second.getItem(key), null, 'what the second context reads after the removal');
  },
  'is left with one whole value, the same for all, when several contexts write at once': async (subject, key) => {
    const [first, second] = views(subject);
    await writeAtOnce([first, second], key);
    same(await second.getItem(key), await first.getItem(key), 'what the second context reads');
  },
};

const underFences: Promises<StorageUnderTest> = {
  'refuses a write under an outdated fence, and keeps what is there': async ({ storage }, key) => {
    await storage.setItem(key, 'newer', { fence: 12 });
    await refused(() => storage.setItem(key, 'older', { fence: 9 }), 'a write under fence 9 after one under 12');
    same(await storage.getItem(key), 'newer', 'the value');
  },
  'accepts a write under the same fence, a newer one, or none': async ({ storage }, key) => {
    await storage.setItem(key, 'first', { fence: 7 });
    await storage.setItem(key, 'same', { fence: 7 });
    same(await storage.getItem(key), 'same', 'the value written under the same fence');
    await storage.setItem(key, 'newer', { fence: 100 });
    same(await storage.getItem(key), 'newer', 'the value written under a newer fence');
    await storage.setItem(key, 'none');
    same(await storage.getItem(key), 'none', 'the value written without a fence');
  },
  'refuses to remove under an outdated fence': async ({ storage }, key) => {
    await storage.setItem(key, 'newer', { fence: 2 });
    await refused(() => storage.removeItem(key, { fence: 1 }), 'a removal under fence 1 after a write under 2');
    same(await storage.getItem(key), 'newer', 'the value');
    await storage.removeItem(key, { fence: 2 });
    same(await storage.getItem(key), null, 'the value removed under the same fence');
  },
  'remembers the newest fence after a removal': async ({ storage }, key) => {
    await storage.setItem(key, 'value', { fence: 4 });
    await storage.removeItem(key, { fence: 5 });
    await refused(() => storage.setItem(key, 'older', { fence: 4 }), 'a write under fence 4 after a removal under 5');
    same(await storage.getItem(key), null, 'the value');
  },
  'keeps the fences of different keys apart': async ({ storage }, key) => {
    await storage.setItem(key, 'value', { fence: 50 });
    await storage.setItem(`${key}:other`, 'other', { fence: 1 });
    same(await storage.getItem(`${key}:other`), 'other', 'the value of the other key');
    await storage.removeItem(`${key}:other`, { fence: 1 });
  },
  'lets the newest fence win when many write at once': async ({ storage }, key) => {
    await raceFences([storage], key);
  },
};

const underFencesAcrossContexts: Promises<StorageUnderTest> = {
  'refuses an outdated fence of another context': async (subject, key) => {
    const [first, second] = views(subject);
    await first.setItem(key, 'newer', { fence: 2 });
    await refused(
      () => second.setItem(key, 'older', { fence: 1 }),
      'a write under fence 1 after one under 2 elsewhere',
    );
    same(await first.getItem(key), 'newer', 'the value');
  },
  'lets the newest fence win when several contexts write at once': async (subject, key) => {
    await raceFences(views(subject), key);
  },
};

function views({ storage, second }: StorageUnderTest): [TokenStorage, TokenStorage] {
  if (!second)
    throw new Error('Expected the factory to give `second`, another view on the storage, because of `shared`.');
  return [storage, second];
}

/** Values of different lengths, each of one character, so that a mixture of two is seen. */
function wholeValues(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String.fromCharCode(97 + index).repeat(3_000 + 500 * index));
}

async function writeAtOnce(storages: readonly TokenStorage[], key: string): Promise<void> {
  const written = wholeValues(16);
  const results = await Promise.allSettled(
    written.map(async (value, index) => storages[index % storages.length]?.setItem(key, value)),
  );
  // A write that lost against a concurrent one may be refused, but not all of them.
  same(
    results.some(({ status }) => status === 'fulfilled'),
    true,
    'one of many writes at once to be done:',
  );
  const value = await storages[0]?.getItem(key);
  same(written.includes(value ?? ''), true, 'the value to be one of those written, as a whole:');
}

async function raceFences(storages: readonly TokenStorage[], key: string): Promise<void> {
  const fences = Array.from({ length: 20 }, (_, index) => ((index * 7) % 20) + 1);
  await Promise.allSettled(
    fences.map(async (fence, index) => storages[index % storages.length]?.setItem(key, `${fence}`, { fence })),
  );
  same(await storages[0]?.getItem(key), '20', 'the value after twenty writes with fences 1 to 20');
}
