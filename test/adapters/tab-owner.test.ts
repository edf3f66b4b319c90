import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { areaStorage } from '../../src/adapters/web-storage.js';

const key = 'evertoken:session';
const claims = Symbol.for('evertoken.tab');
let tabs = 0;

/** sessionStorage as an object whose own keys are its items. */
function area(strings: Record<string, string> = {}): Storage & Record<string, string> {
  const methods = {
    getItem: (name: string) => strings[name] ?? null,
    setItem(name: string, value: string) {
      strings[name] = value;
    },
    removeItem(name: string) {
      delete strings[name];
    },
  };
  return new Proxy(strings, { get: (_, name) => Reflect.get(methods, name) ?? strings[String(name)] }) as never;
}

/** A page in a tab: what it looks up is its own, until the next one is shown. */
function show(items: Storage, isFrame = false) {
  const page = new EventTarget();
  const window = {} as { self?: unknown; top?: unknown };
  Object.assign(window, { self: window, top: isFrame ? {} : window });
  Reflect.deleteProperty(globalThis, claims);
  vi.stubGlobal('window', window);
  vi.stubGlobal('sessionStorage', items);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  return { storage: areaStorage('session'), leave: () => page.dispatchEvent(new Event('pagehide')) };
}

const copyOf = (items: Record<string, string>) => area({ ...items });

beforeEach(() => {
  // ids are random; the locks of this process are shared by all tests
  tabs++;
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, claims);
  vi.unstubAllGlobals();
});

describe.each([
  ['with Web Locks', true],
  ['with BroadcastChannel alone', false],
])('E8: sessionStorage has one owner, %s', (_, hasLocks) => {
  beforeEach(() => {
    if (!hasLocks) vi.stubGlobal('navigator', {});
  });

  test('a duplicated tab begins without the session, and the original keeps it', async () => {
    const items = area({ theirs: 'stays' });
    const original = show(items);
    await original.storage.setItem(key, `session ${tabs}`);
    const copy = copyOf(items);
    const duplicate = show(copy);
    expect(await duplicate.storage.getItem(key)).toBeNull();
    await duplicate.storage.setItem(key, 'another');
    expect([copy.theirs, items[key]]).toEqual(['stays', `session ${tabs}`]);
    // reloaded, it still owns what it has
    duplicate.leave();
    expect(await show(copy).storage.getItem(key)).toBe('another');
    original.leave();
  });

  test('a page that is reloaded, or comes after another one in its tab, finds the session', async () => {
    const items = area();
    const first = show(items);
    await first.storage.setItem(key, 'session');
    first.leave();
    const second = show(items);
    expect(await second.storage.getItem(key)).toBe('session');
    second.leave();
  });

  test('a tab whose original is closed has it for itself', async () => {
    const items = area();
    const original = show(items);
    await original.storage.setItem(key, 'session');
    const copy = copyOf(items);
    original.leave();
    const duplicate = show(copy);
    expect(await duplicate.storage.getItem(key)).toBe('session');
    duplicate.leave();
  });

  test('several storages of one page, and its frames, share it', async () => {
    const items = area();
    const page = show(items);
    await page.storage.setItem(key, 'session');
    expect(await areaStorage('session').getItem(key)).toBe('session');
    const registry = Reflect.get(globalThis, claims);
    expect(await show(items, true).storage.getItem(key)).toBe('session');
    Object.assign(globalThis, { [claims]: registry });
    page.leave();
  });
});

test('E8: a page that takes a moment to leave is waited for', async () => {
  const items = area();
  const first = show(items);
  await first.storage.setItem(key, 'session');
  const second = show(items);
  const read = second.storage.getItem(key);
  setTimeout(first.leave, 50);
  expect(await read).toBe('session');
  second.leave();
});

test('without either, a tab keeps what it finds', async () => {
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('BroadcastChannel', undefined);
  const items = area();
  await show(items).storage.setItem(key, 'session');
  expect(await show(copyOf(items)).storage.getItem(key)).toBe('session');
});
