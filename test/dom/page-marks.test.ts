import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Marks } from '../../src/ports/marks.js';
import { browser } from '../../src/presets/browser.js';
import { webStorage } from '../../src/presets/web-storage.js';

const key = 'evertoken:session:ended';
const make = (): Marks => browser().marks ?? expect.fail('browser() has marks');

afterEach(() => {
  vi.unstubAllGlobals();
  for (const each of [localStorage, sessionStorage]) each.clear();
});

const area = localStorage;
const refusing = {
  getItem: (name: string) => area.getItem(name),
  setItem() {
    throw new DOMException('full', 'QuotaExceededError');
  },
  removeItem: (name: string) => area.removeItem(name),
};
const thrown = (name: string) =>
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() {
      throw new DOMException('refused', 'SecurityError');
    },
  });

describe('marks of a page', () => {
  test('are there in the same turn, for every tab and the next page', () => {
    make().set(key, 'one');
    expect([make().get(key), localStorage.getItem(key)]).toEqual(['one', 'one']);
    make().set(key, null);
    expect([make().get(key), localStorage.getItem(key)]).toEqual([null, null]);
  });

  test('survive in sessionStorage where localStorage is full, and never show an older one', () => {
    const marks = make();
    marks.set(key, 'older');
    vi.stubGlobal('localStorage', refusing);
    marks.set(key, 'newer');
    expect([make().get(key), sessionStorage.getItem(key)]).toEqual(['newer', 'newer']);
    vi.unstubAllGlobals();
    expect(make().get(key)).toBe('newer');
    make().set(key, 'newest');
    expect([make().get(key), sessionStorage.getItem(key)]).toEqual(['newest', null]);
  });

  test('live in memory where all of them refuse, and never throw', () => {
    const saved = ['localStorage', 'sessionStorage'].map((name) => [name, Reflect.get(globalThis, name)] as const);
    for (const [name] of saved) thrown(name);
    try {
      const marks = make();
      marks.set(key, 'one');
      expect([marks.get(key), make().get(key)]).toEqual(['one', null]);
      marks.set(key, null);
      expect(marks.get(key)).toBeNull();
    } finally {
      for (const [name, value] of saved)
        Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
    }
  });
});

test("the marks of a session in sessionStorage are its tab's own", () => {
  const { marks } = browser({ storage: webStorage('session') });
  marks?.set(key, 'mark');
  expect([marks?.get(key), localStorage.length]).toEqual(['mark', 0]);
  localStorage.setItem(key, 'of other tabs');
  marks?.set(key, null);
  expect([marks?.get(key), localStorage.getItem(key)]).toEqual([null, 'of other tabs']);
});
