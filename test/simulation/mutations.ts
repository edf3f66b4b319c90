import type { Patch } from './build.js';

/** A safeguard that is taken out of the manager, to see whether the simulation notices. */
export interface Mutation {
  readonly name: string;
  readonly patches: readonly Patch[];
}

export const mutations: readonly Mutation[] = [];
