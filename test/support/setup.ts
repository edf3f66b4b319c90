import { afterEach, beforeEach, expect } from 'vitest';
import { consoleCalls } from './console-calls.js';

// Nothing that a test does may leave a rejection behind that nobody handles.
const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => void unhandled.push(reason));

beforeEach(() => {
  unhandled.length = 0;
  consoleCalls.length = 0;
});

afterEach(async () => {
  // a rejection counts as unhandled when the promise jobs of its turn are through
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled.splice(0), 'rejections that nobody handled').toEqual([]);
});
