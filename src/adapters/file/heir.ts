/// <reference types="node" />
import { lchown, lstat, stat } from 'node:fs/promises';
import type { FileMode } from './document.js';

/** Under `sudo`, gives new files to the user who owns the files beside them; that user could not use them otherwise. */
export async function leaveToOwnerOf(model: string, mode: FileMode, ...paths: string[]): Promise<void> {
  if (mode !== 'mount' || process.geteuid?.() !== 0) return;
  try {
    const { uid, gid } = await stat(model);
    // Links are not followed: that user could have made one to a file of root.
    for (const path of paths) if (!(await lstat(path)).isSymbolicLink()) await lchown(path, uid, gid);
  } catch {
    // a mount may not allow it
  }
}
