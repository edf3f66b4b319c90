import { OptionsError } from '../../errors.js';

/** What `sealOf` says of a value that names no key, and of one that is not encrypted. */
export const UNNAMED_KEY = 'unnamed';
export const NO_KEY = 'plain';

/** Throws an OptionsError for what cannot be the name of a key, which is stored with each value. */
export function checkKeyId(id: unknown): void {
  if (typeof id === 'string' && /^[\w-]{1,64}$/.test(id) && id !== UNNAMED_KEY && id !== NO_KEY) return;
  const came = typeof id === 'string' ? 'another text' : `a value of type ${typeof id}`;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected the id of a key to be 1 to 64 letters, digits, _ or -, and neither '${UNNAMED_KEY}' nor '${NO_KEY}', but ${came} came. Write { id: '2026-11', … }.`,
  );
}
