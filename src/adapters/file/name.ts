/// <reference types="node" />
import { createHash } from 'node:crypto';

/** A file name for a key, which may hold characters that file names may not. */
export function nameFor(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}
