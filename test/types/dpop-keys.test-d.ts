import { expectTypeOf, test } from 'vitest';
import type { SubtleLike } from '../../src/dpop.js';

test('jwkKeys takes crypto.subtle as the types of browsers and of Node describe it', () => {
  expectTypeOf<SubtleCrypto>().toExtend<SubtleLike>();
  expectTypeOf(crypto.subtle).toExtend<SubtleLike>();
});
