import { OptionsError } from '../../errors.js';
import { checkOptions } from '../parts/check-options.js';
import type { FileMode } from './document.js';

/** What `fileStorage`, `fileLock`, `fileChannel` and `node` accept. */
export interface FileOptions {
  /**
   * Permissions of the file; default `0o600`. A file that gives others more than that is refused, and so is one of another user.
   *
   * `'mount'` looks at neither: for a mount that decides on permissions itself (SMB, WSL, FAT, a secret of Kubernetes),
   * and for `sudo`, under which files are left to the user whose folder it is.
   */
  mode?: number | 'mount';
}

/** The permissions of a file that is for its owner alone. */
export const PRIVATE = 0o600;

/** Throws an OptionsError for what is no path, or no mode; gives the options with their defaults. */
export function readFileOptions(call: string, path: unknown, given: FileOptions = {}): { mode: FileMode } {
  if (typeof path !== 'string' || !path) {
    const came = path === '' ? 'an empty one' : `a value of type ${typeof path}`;
    throw new OptionsError('ERR_OPTIONS', `Expected the path of a credentials file as a string, but ${came} came.`);
  }
  const { mode = PRIVATE } = checkOptions<FileOptions>(call, given, ['mode'], `${call}(path, { mode: 'mount' })`);
  if (mode !== 'mount' && !(Number.isInteger(mode) && mode <= 0o777 && (mode & PRIVATE) === PRIVATE)) {
    const came = typeof mode === 'number' ? `0o${Number(mode).toString(8)}` : `a value of type ${typeof mode}`;
    const message = `Expected mode to be 'mount' or permissions such as 0o640, with which the owner reads and writes, but ${came} came.`;
    throw new OptionsError('ERR_OPTIONS', message);
  }
  return { mode };
}
