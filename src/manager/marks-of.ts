import type { Settings } from './options.js';

/** The marks of sign-outs, of any page; null where there are none. */
export function marksOf({ platform, name }: Settings): string | null {
  return platform.marks?.get(`${name}:ended`) ?? null;
}
