/// <reference types="node" />
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from '../../errors.js';
import type { TryGrab } from './baton.js';
import { type FileMode, readCredentials, toShown } from './document.js';
import { leaveToOwnerOf } from './heir.js';
import { emptyObject, type ObjectText, toBytes, withMember, withoutMember } from './members.js';
import { PRIVATE } from './options.js';
import { mayPass, renameSoon } from './rename.js';

/** A change of the value under one key; without a value, it is removed. */
export interface Change {
  readonly key: string;
  readonly value?: string;
  readonly fence?: number | undefined;
}

/** How the file is to be written. */
export interface Manner {
  readonly mode: FileMode;
  /** How long to go on where another program may be in the way; less than the 5 s that a call may take. */
  readonly patienceMs: number;
  /** Throws when a newer write has begun while this one took too long. */
  readonly goOn: () => void;
}

/** How long one writer may take; one that is stopped holds the others up no longer. */
const WRITE_MS = 3_000;
const PATIENCE_MS = 15_000;
const FENCES = 'fences.json';

/**
 * Reads the file, changes it and replaces it, one process at a time.
 *
 * Everything that a writer does goes through paths inside its baton. A writer that was stopped at any moment and taken
 * over from can no longer rename what it prepared: it finds nothing there, and starts again by looking.
 */
export async function update(path: string, tryGrab: TryGrab, change: Change, manner: Manner): Promise<void> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < PATIENCE_MS) {
    manner.goOn();
    const grip = await tryGrab(WRITE_MS);
    if (!grip) {
      await sleep(5 + Math.random() * 20);
      continue;
    }
    try {
      await replace(path, grip.path, change, manner);
    } catch (error) {
      await sweep(grip.path).catch(() => undefined); // a full disk wants the room back
      const isOurs = await grip.release().catch(() => true);
      const isOver = performance.now() - startedAt > manner.patienceMs;
      if (isOurs && (isOver || !mayPass(error))) throw error;
      continue; // it was taken from us, so that whatever failed says nothing; or it may pass
    }
    await grip.release().catch(() => undefined); // the change is done; our hold runs out
    return;
  }
  throw new StorageError(
    'ERR_STORAGE_WRITE',
    `Other processes keep ${path} busy; it is tried again with the next call.`,
  );
}

async function replace(
  path: string,
  workplace: string,
  { key, value, fence }: Change,
  { mode, goOn }: Manner,
): Promise<void> {
  await sweep(workplace);
  if (fence !== undefined) await raiseFence(path, join(workplace, FENCES), mode, key, fence);
  const before = await readOrMoveAside(path, mode, value !== undefined);
  goOn();
  const after = value === undefined ? withoutMember(before, key) : withMember(before, key, toShown(value));
  if (value === undefined && (after ?? emptyObject) === before) return;
  // whoever is killed in the middle of a removal leaves an empty file, and no token anywhere
  await writeInto(workplace, path, after ?? emptyObject, mode).catch(unless(after === undefined, 'ENOSPC', 'EDQUOT'));
  if (after === undefined) await renameSoon(path, join(workplace, 'last'));
  await settleFolder(dirname(path));
  await sweep(workplace);
}

/** Removes what a writer before us prepared: from here on it cannot be renamed into place. */
async function sweep(workplace: string): Promise<void> {
  for (const name of await readdir(workplace)) {
    if (name !== FENCES) await rm(join(workplace, name), { force: true });
  }
}

/** Kept beside the credentials and not in them, because a sign-out must outlive the file. */
async function raiseFence(path: string, fencesPath: string, mode: FileMode, key: string, fence: number): Promise<void> {
  const fences = await readFences(fencesPath);
  const newest = fences.get(key) ?? 0;
  if (fence < newest) {
    throw new StorageError(
      'ERR_STORAGE_WRITE',
      `A write to ${path} came too late: its lock (${fence}) was taken over (${newest}). What is stored is newer.`,
    );
  }
  if (fence === newest) return;
  const text = JSON.stringify(Object.fromEntries(fences.set(key, fence)));
  await writeInto(dirname(fencesPath), fencesPath, text, mode === 'mount' ? mode : PRIVATE);
}

async function readFences(path: string): Promise<Map<string, number>> {
  try {
    return new Map(Object.entries<number>(JSON.parse(await readFile(path, 'utf8'))));
  } catch {
    return new Map(); // none yet, or lost with the machine's power, and every holder with it
  }
}

/** A file that is not there is an empty one. */
async function readOrMoveAside(path: string, mode: FileMode, mayMove: boolean): Promise<ObjectText> {
  try {
    return (await readCredentials(path, mode)) ?? emptyObject;
  } catch (error) {
    if (!mayMove || (error as StorageError).code !== 'ERR_STORAGE_CORRUPT') throw error;
    await copyFile(path, `${path}.damaged-${Date.now()}`, constants.COPYFILE_EXCL);
    return emptyObject;
  }
}

async function writeInto(workplace: string, path: string, text: ObjectText, mode: FileMode): Promise<void> {
  const prepared = join(workplace, 'next');
  const present = mode === 'mount' ? await lstat(path).catch(() => undefined) : undefined;
  const permissions = mode === 'mount' ? (present?.mode ?? PRIVATE) & 0o777 : mode;
  const file = await open(prepared, 'wx', PRIVATE);
  try {
    await file.writeFile(toBytes(text));
    await file.sync();
  } finally {
    await file.close();
  }
  // beyond the umask of this process
  if (permissions !== PRIVATE)
    await chmod(prepared, permissions).catch(unless(mode === 'mount', 'EPERM', 'ENOTSUP', 'ENOSYS'));
  await leaveToOwnerOf(present ? path : dirname(path), mode, prepared);
  await renameSoon(prepared, path);
}

/** Rethrows but these codes, in this case. */
function unless(isCase: boolean, ...codes: string[]): (error: { code?: string }) => void {
  return (error) => {
    if (!isCase || !codes.includes(error.code ?? '')) throw error;
  };
}

/** Makes the rename survive a power cut, where folders can be synced. */
async function settleFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // not on this system
  }
}
