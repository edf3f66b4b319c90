/// <reference types="node" />
import { lchown, lstat, stat } from 'node:fs/promises';
import type { FileMode } from './document.js';

/** Under `sudo`, what is made beside the files of a user is left to that user, who could not use it otherwise. */
export async function leaveToOwnerOf(model: string, mode: FileMode, ...paths: string[]): Promise<void> {
  if (mode !== 'mount' || process.geteuid?.() !== 0) return;
  try {
    const { uid, gid } = await stat(model);
    // never what a link leads to: that user may have put one there
    for (const path of paths) if (!(await lstat(path)).isSymbolicLink()) await lchown(path, uid, gid);
  } catch {
    // the mount decides
  }
}
