import { expect, test } from 'vitest';
import { pageWakeups } from '../../src/adapters/page-wakeups.js';

test('a server counts as awake and online, and subscribing there does nothing', () => {
  const wakeups = pageWakeups();
  expect(wakeups.isAwake()).toBe(true);
  expect(wakeups.isOnline()).toBe(true);
  wakeups.subscribe(() => {})();
});
