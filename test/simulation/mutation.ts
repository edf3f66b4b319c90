import type { Patch } from './build.js';

/**
 * A safeguard that is taken out of the sources, to see whether the simulation notices.
 *
 * The patches lean on the text of the sources. When one does not apply any more, `means` says what it has to bring
 * about; aim it anew, and see that enough seeds notice: `npm run simulate -- --mutations --only 'part of the name'`.
 */
export interface Mutation {
  readonly name: string;
  /** What goes wrong with the safeguard gone. */
  readonly means: string;
  readonly patches: readonly Patch[];
  /** The worlds in which it is looked for; undefined: all of them. */
  readonly theme?: string;
}

/** One that takes a single patch. */
export function mutation(
  name: string,
  means: string,
  file: string,
  find: string,
  replace: string,
  theme?: string,
): Mutation {
  return { name, means, patches: [{ file, find, replace }], ...(theme && { theme }) };
}
