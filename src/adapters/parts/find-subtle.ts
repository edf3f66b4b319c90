import { OptionsError } from '../../errors.js';
import type { SubtleLike } from './signing-key.js';

/** `crypto.subtle`, or the one that was given; throws where there is none, which is so in insecure pages and React Native. */
export function findSubtle(call: string, given?: SubtleLike): SubtleLike {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleLike } };
  const subtle = given ?? crypto?.subtle;
  if (subtle) return subtle;
  const expected = `Expected crypto.subtle, which ${call}() makes keys with, but there is none`;
  throw new OptionsError('ERR_OPTIONS', `${expected}: use https, or keys of the platform. See docs/dpop.md.`);
}
