import { OptionsError } from '../../errors.js';

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
  // a class or a module has no members of its own that are no options
  const unknown = Object.keys(given).find((name) => !(names as readonly string[]).includes(name));
  if (unknown === undefined) return given as T;
  const known = names.length > 0 ? `one of ${names.join(', ')}` : 'none';
  const came = /^[A-Za-z]\w{0,30}$/.test(unknown) ? `'${unknown}'` : 'another name';
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected an option of ${call}() to be ${known}, but ${came} came. Write ${instead}.`,
  );
}
