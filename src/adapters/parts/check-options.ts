import { OptionsError } from '../../errors.js';
import type { TokenStorage } from '../../ports/storage.js';

/**
 * The options that were given; throws an OptionsError for what is no object, and for a name that is not among these.
 *
 * `instead` is what to write. Nothing of what came is quoted but names: it might be a secret in the wrong place.
 */
export function checkOptions<T extends object>(
  call: string,
  given: unknown,
  names: readonly (string & keyof T)[],
  instead: string,
): T {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const came = given === null ? 'null' : Array.isArray(given) ? 'an array' : `a value of type ${typeof given}`;
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the options of ${call}() as an object, but ${came} came. Write ${instead}.`,
    );
  }
  if (typeof (given as { getItem?: unknown }).getItem === 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected the options of ${call}() as an object, but a storage came. Write ${instead}.`,
    );
  }
  const unknown = Object.keys(given).find((name) => !(names as readonly string[]).includes(name));
  if (unknown === undefined) return given as T;
  const known = names.length > 0 ? `one of ${names.join(', ')}` : 'none';
  const came = /^[A-Za-z]\w{0,30}$/.test(unknown) ? `'${unknown}'` : 'another name';
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected an option of ${call}() to be ${known}, but ${came} came. Write ${instead}.`,
  );
}

/** The storage that was given; throws an OptionsError for what is none. */
export function checkStorage(call: string, given: TokenStorage, instead: string): TokenStorage {
  const missing = (['getItem', 'setItem', 'removeItem'] as const).find((name) => typeof given?.[name] !== 'function');
  if (missing === undefined) return given;
  const came = typeof given === 'function' ? 'a function that was not called' : `a value without ${missing}`;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected ${call}() to be given a storage, but ${came} came. Write ${instead}.`,
  );
}
