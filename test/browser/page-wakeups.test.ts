import { afterEach, expect, test, vi } from 'vitest';
import { pageWakeups } from '../../src/adapters/page-wakeups.js';

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(document, 'visibilityState'); // back to the prototype's
});

function setVisibility(state: DocumentVisibilityState): void {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
}

function listen(): { listener: ReturnType<typeof vi.fn>; stop: () => void } {
  const listener = vi.fn();
  return { listener, stop: pageWakeups().subscribe(listener) };
}

const occasions: [EventTarget, string, boolean][] = [
  [document, 'visibilitychange', true],
  [document, 'resume', false], // does not bubble
  [window, 'pageshow', false],
  [window, 'online', false],
  [window, 'focus', false],
];

test.each(occasions)('%s %s wakes up once, and not after unsubscribing', (target, type, bubbles) => {
  setVisibility('visible');
  const { listener, stop } = listen();
  target.dispatchEvent(new Event(type, { bubbles }));
  expect(listener).toHaveBeenCalledTimes(1);
  stop();
  target.dispatchEvent(new Event(type, { bubbles }));
  expect(listener).toHaveBeenCalledTimes(1);
});

const returns = ['pageshow', 'resume'];

test.each(occasions.filter(([, type]) => returns.includes(type)))(
  '%s %s wakes a hidden page as well: it may come from the back/forward cache',
  (target, type) => {
    setVisibility('hidden');
    const { listener, stop } = listen();
    target.dispatchEvent(new Event(type));
    expect(listener).toHaveBeenCalledTimes(1);
    stop();
  },
);

test.each(occasions.filter(([, type]) => !returns.includes(type)))(
  '%s %s does not wake a hidden page',
  (target, type, bubbles) => {
    setVisibility('hidden');
    const { listener, stop } = listen();
    target.dispatchEvent(new Event(type, { bubbles }));
    expect(listener).not.toHaveBeenCalled();
    expect(pageWakeups().isAwake()).toBe(false);
    stop();
  },
);

test('moving the focus within the page is no wake-up', () => {
  setVisibility('visible');
  const field = document.body.appendChild(document.createElement('input'));
  const { listener, stop } = listen();
  field.dispatchEvent(new FocusEvent('focus'));
  expect(listener).not.toHaveBeenCalled();
  stop();
  field.remove();
});

test('a page listens to its events only while somebody listens here', () => {
  const added = vi.spyOn(globalThis, 'addEventListener');
  const removed = vi.spyOn(globalThis, 'removeEventListener');
  const wakeups = pageWakeups();
  expect(added).not.toHaveBeenCalled();
  wakeups.subscribe(() => {})();
  expect(added).toHaveBeenCalledTimes(5);
  expect(removed.mock.calls).toEqual(added.mock.calls);
  vi.restoreAllMocks();
});

test('offline is what the browser says', () => {
  vi.stubGlobal('navigator', { onLine: false });
  expect(pageWakeups().isOnline()).toBe(false);
  vi.stubGlobal('navigator', { onLine: true });
  expect(pageWakeups().isOnline()).toBe(true);
});
