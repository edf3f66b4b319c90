import { describe, expect, test } from 'vitest';
import { storageContract } from '../../src/testing.js';

describe('localStorage of one page, as it is', () => {
  for (const { name, run } of storageContract(() => ({ storage: localStorage }))) test(name, run);
});

test('a contract leaves nothing behind', async () => {
  localStorage.setItem('of the page', 'stays');
  for (const { run } of storageContract(() => ({ storage: localStorage }))) await run();
  expect(Object.keys(localStorage)).toEqual(['of the page']);
});
