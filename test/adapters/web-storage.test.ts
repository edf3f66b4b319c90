import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { areaStorage } from '../../src/adapters/web-storage.js';
import { StorageError } from '../../src/errors.js';
import type { Registers } from '../../src/ports/registers.js';
import type { TokenStorage } from '../../src/ports/storage.js';
import { memoryRegisters } from './support/memory-registers.js';

const key = 'evertoken:session';

/** What a tab sees of localStorage: its own writes at once, those of others when they are delivered. */
interface View extends Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  readonly strings: Map<string, string>;
}

/** localStorage as several tabs see it; each delivery of a write to the others waits for `deliver`. */
function incoherentAreas() {
  const views: View[] = [];
  let undelivered: (() => void)[] = [];
  const write = (from: View, change: (view: View) => void): void => {
    change(from);
    for (const view of views) if (view !== from) undelivered.push(() => change(view));
  };
  return {
    view(): View {
      const strings = new Map<string, string>();
      const view: View = {
        strings,
        getItem: (name) => strings.get(name) ?? null,
        setItem: (name, value) => write(view, (to) => to.strings.set(name, value)),
        removeItem: (name) => write(view, (to) => to.strings.delete(name)),
      };
      views.push(view);
      return view;
    },
    deliver(): void {
      for (const delivery of undelivered.splice(0)) delivery();
    },
    drop(): void {
      undelivered = [];
    },
  };
}

let areas: ReturnType<typeof incoherentAreas>;
let registers: Registers;
let values: Map<string, unknown>;

beforeEach(() => {
  areas = incoherentAreas();
  ({ registers, values } = memoryRegisters());
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A tab: its calls see its own view of localStorage. */
function tab(known: Registers | undefined = registers): TokenStorage & { view: View } {
  const view = areas.view();
  vi.stubGlobal('localStorage', view);
  const storage = areaStorage('local', known);
  Promise.resolve(storage.getItem('the first use looks the storage up')).catch(() => undefined);
  return Object.assign(Object.create(storage), { view });
}

/** What became of a promise, as far as it has got. */
function watch<T>(promise: PromiseLike<T> | T): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {};
  Promise.resolve(promise).then(
    (value) => Object.assign(outcome, { value }),
    (error) => Object.assign(outcome, { error }),
  );
  return outcome;
}

describe('localStorage with registers', () => {
  test('a read waits until the newest write shows, and never gives an older string', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    areas.deliver();
    await one.setItem(key, 'second');
    const read = watch(other.getItem(key));
    await vi.advanceTimersByTimeAsync(500);
    expect(read).toEqual({});
    areas.deliver();
    await vi.advanceTimersByTimeAsync(10);
    expect(read).toEqual({ value: 'second' });
  });

  test('a first write that does not show yet is waited for as well', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    const read = watch(other.getItem(key));
    await vi.advanceTimersByTimeAsync(500);
    expect(read).toEqual({});
    areas.deliver();
    await vi.advanceTimersByTimeAsync(10);
    expect(read).toEqual({ value: 'first' });
  });

  test('a write that does not show within 4 s makes the read fail, to be tried again', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    areas.deliver();
    await one.setItem(key, 'second');
    const read = watch(other.getItem(key));
    await vi.advanceTimersByTimeAsync(4_100);
    expect(read.error).toMatchObject({ code: 'ERR_STORAGE_READ' });
    areas.deliver();
    await expect(other.getItem(key)).resolves.toBe('second');
  });

  test('a string that others have cleared is gone after 1.2 s, once, and for whoever comes after that at once', async () => {
    const one = tab();
    await one.setItem(key, 'first');
    one.view.strings.clear();
    const read = watch(one.getItem(key));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(read).toEqual({});
    await vi.advanceTimersByTimeAsync(200);
    expect(read).toEqual({ value: null });
    await expect(one.getItem(key)).resolves.toBeNull();
    await expect(tab().getItem(key)).resolves.toBeNull();
  });

  test('a string that was taken for cleared, and was only late, is given all the same', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    const read = watch(other.getItem(key));
    await vi.advanceTimersByTimeAsync(1_300);
    expect(read).toEqual({ value: null });
    await expect(one.getItem(key)).resolves.toBe('first');
    areas.deliver();
    await expect(other.getItem(key)).resolves.toBe('first');
    await one.setItem(key, 'second');
    const late = watch(other.getItem(key));
    await vi.advanceTimersByTimeAsync(500);
    expect(late).toEqual({}); // the next write is waited for as ever
    areas.deliver();
    await vi.advanceTimersByTimeAsync(10);
    expect(late).toEqual({ value: 'second' });
  });

  test('an older string that a crash of the browser has left is refused three times, and is what there is from then on', async () => {
    const one = tab();
    await one.setItem(key, 'older');
    const left = new Map(one.view.strings);
    await one.setItem(key, 'newer');
    for (const [name, value] of left) one.view.strings.set(name, value);
    for (let n = 0; n < 3; n++) {
      const read = watch(one.getItem(key));
      await vi.advanceTimersByTimeAsync(4_100);
      expect(read.error).toMatchObject({ code: 'ERR_STORAGE_READ' });
    }
    await expect(one.getItem(key)).resolves.toBe('older');
    await one.setItem(key, 'next');
    await expect(one.getItem(key)).resolves.toBe('next');
  });

  test('what was removed is gone at once, also where it still shows', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    areas.deliver();
    await one.removeItem(key);
    await expect(other.getItem(key)).resolves.toBeNull();
    expect(one.view.strings.size).toBe(0);
  });

  test('a tab that died before its write showed holds up a read for a second, and the string before is given', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    areas.deliver();
    one.view.setItem = () => {
      throw new Error('the tab has died');
    };
    values.set(`${key}:writes`, { begun: 2, done: 1, removed: false, fence: 0 });
    const read = watch(other.getItem(key));
    await vi.advanceTimersByTimeAsync(900);
    expect(read).toEqual({});
    await vi.advanceTimersByTimeAsync(200);
    expect(read).toEqual({ value: 'first' });
    await expect(other.getItem(key)).resolves.toBe('first'); // nobody waits for it again
  });

  test('a tab that died after its write has shown loses nothing', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    await one.setItem(key, 'second');
    areas.deliver();
    values.set(`${key}:writes`, { begun: 2, done: 1, removed: false, fence: 0 });
    await expect(other.getItem(key)).resolves.toBe('second');
  });

  test('a write under an older fence is refused and changes nothing', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'newer', { fence: 7 });
    areas.deliver();
    await expect(other.setItem(key, 'older', { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    await expect(other.removeItem(key, { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    await expect(other.getItem(key)).resolves.toBe('newer');
  });

  test('a tab that froze in mid-write does not undo what was written since', async () => {
    let thaw = (): void => {};
    let calls = 0;
    const freezing: Registers = async (name, change) => {
      if (change && ++calls === 2) await new Promise<void>((resolve) => (thaw = resolve));
      return registers(name, change);
    };
    const [one, other] = [tab(freezing), tab()];
    const frozen = watch(one.setItem(key, 'older') as Promise<void>);
    await vi.advanceTimersByTimeAsync(0);
    await other.setItem(key, 'newer');
    areas.deliver();
    thaw();
    await vi.advanceTimersByTimeAsync(0);
    expect(frozen.error).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    areas.deliver();
    await expect(one.getItem(key)).resolves.toBe('newer');
  });

  test('a storage that is full rejects the write, and keeps nobody waiting for it', async () => {
    const [one, other] = [tab(), tab()];
    await one.setItem(key, 'first');
    areas.deliver();
    const full = new Error('QuotaExceededError');
    one.view.setItem = () => {
      throw full;
    };
    await expect(one.setItem(key, 'second')).rejects.toBe(full);
    await expect(other.getItem(key)).resolves.toBe('first');
  });

  test('the register holds numbers, and nothing of the string', async () => {
    await tab().setItem(key, 'canary-token');
    expect(JSON.stringify([...values])).not.toContain('canary');
  });

  test('registers that fail in passing make the call fail, so that nobody acts on an older string', async () => {
    const error = Object.assign(new Error('the connection was lost'), { name: 'UnknownError' });
    const one = tab(() => Promise.reject(error));
    await expect(one.getItem(key)).rejects.toBe(error);
    await expect(one.setItem(key, 'first')).rejects.toBe(error);
  });

  test('registers that are dead from the start are done without, and a later failure is not', async () => {
    const dead = new StorageError('ERR_STORAGE_READ', 'Expected the database to open.');
    let isDead = true;
    const one = tab((name, change) => (isDead ? Promise.reject(dead) : registers(name, change)));
    const write = watch(one.setItem(key, 'first') as Promise<void>);
    await vi.advanceTimersByTimeAsync(60);
    expect(write).toHaveProperty('value');
    await expect(one.getItem(key)).resolves.toBe('first');
    isDead = false;
    await expect(one.getItem(key)).resolves.toBe('first');
    await one.setItem(key, 'second');
    isDead = true;
    await expect(one.getItem(key)).rejects.toBe(dead); // others may have written since
  });

  test('a string without a number, put there by others, is given as it is', async () => {
    const one = tab();
    one.view.setItem(key, '{"somebody":"else"}');
    await expect(one.getItem(key)).resolves.toBe('{"somebody":"else"}');
    await one.setItem(key, 'ours');
    await expect(one.getItem(key)).resolves.toBe('ours');
  });
});

describe('localStorage without registers', () => {
  const missing: Registers = () => Promise.reject(new ReferenceError('indexedDB is not defined'));

  test('a write takes 50 ms, so that others usually see it', async () => {
    const one = tab(missing);
    const write = watch(one.setItem(key, 'first') as Promise<void>);
    await vi.advanceTimersByTimeAsync(40);
    expect(write).toEqual({});
    await vi.advanceTimersByTimeAsync(10);
    expect(write).toHaveProperty('value');
    await expect(one.getItem(key)).resolves.toBe('first');
  });
});

describe.each(['local', 'session'] as const)('%sStorage', (area) => {
  test('is not touched before the first use', () => {
    const get = vi.fn(() => areas.view());
    vi.stubGlobal(`${area}Storage`, undefined);
    Object.defineProperty(globalThis, `${area}Storage`, { get, configurable: true });
    areaStorage(area, registers);
    expect(get).not.toHaveBeenCalled();
  });

  test.each([
    [
      'throws',
      () => {
        throw new DOMException('The operation is insecure.', 'SecurityError');
      },
    ],
    ['is null', () => null],
  ])('that %s is replaced by memory, which says why', async (_, get) => {
    vi.stubGlobal(`${area}Storage`, undefined);
    Object.defineProperty(globalThis, `${area}Storage`, { get, configurable: true });
    const storage = areaStorage(area, registers);
    expect(storage.fault).toBeUndefined();
    await expect(storage.getItem(key)).resolves.toBeNull();
    expect(storage.fault).toMatchObject({ code: 'ERR_STORAGE_READ' });
    await storage.setItem(key, 'first');
    await expect(storage.getItem(key)).resolves.toBe('first');
    await storage.removeItem(key);
    await expect(storage.getItem(key)).resolves.toBeNull();
    expect(values.size).toBe(0);
  });
});

test('sessionStorage keeps the string as it is', async () => {
  const view = areas.view();
  vi.stubGlobal('sessionStorage', view);
  const storage = areaStorage('session');
  await storage.setItem(key, 'first');
  expect(view.strings.get(key)).toBe('first');
  await expect(storage.getItem(key)).resolves.toBe('first');
  await storage.removeItem(key);
  expect(view.strings.size).toBe(0);
});
