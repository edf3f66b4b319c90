import { expect, test } from 'vitest';
import { createTokenManager } from '../../src/index.js';

test('a listener that is no function is refused at once, with what was expected and what came', () => {
  const tokens = createTokenManager({ refresh: () => Promise.reject(new Error('not asked for')) });
  const message = 'Option listener: expected a value of type function, but a value of type undefined came.';
  const wrong = expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS', message });
  expect(() => tokens.subscribe(undefined as never)).toThrowError(wrong);
  expect(() => tokens.on('refreshed', undefined as never)).toThrowError(wrong);
});
