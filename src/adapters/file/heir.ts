/// <reference types="node" />
import { chown, stat } from 'node:fs/promises';
import type { FileMode } from './document.js';

/** Under `sudo`, what is made beside the files of a user is left to that user, who could not use it otherwise. */
export async function leaveToOwnerOf(model: string, mode: FileMode, ...paths: string[]): Promise<void> {
  if (mode !== 'mount' || process.geteuid?.() !== 0) return;
  try {
    const { uid, gid } = await stat(model);
    for (const path of paths) await chown(path, uid, gid);
  } catch {
    // the mount decides
  }
}
