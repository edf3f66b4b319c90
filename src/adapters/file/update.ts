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
  /** How long to retry while another program blocks the file; less than the 5 s that a call may take. */
  readonly patienceMs: number;
  /** Throws when a newer write has begun while this one took too long. */
  readonly goOn: () => void;
}

/** The `holdMs` of a writer: a writer that is stopped blocks the others no longer than this. */
const WRITE_MS = 3_000;
const PATIENCE_MS = 15_000;
const FENCES = 'fences.json';

/**
 * Reads the file, changes it and replaces it, one process at a time.
 *
 * A writer prepares everything inside the directory of its lock. After a takeover that path no longer exists, so a writer
 * that was stopped cannot rename what it prepared: it starts again by reading.
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
      await sweep(grip.path).catch(() => undefined); // frees the space on a full disk
      const isOurs = await grip.release().catch(() => true);
      const isOver = performance.now() - startedAt > manner.patienceMs;
      if (isOurs && (isOver || !mayPass(error))) throw error;
      continue; // the lock was taken over, so the error proves nothing; or it may be temporary
    }
    await grip.release().catch(() => undefined); // the change is done; an unreleased lock expires
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
  // A removal first writes an empty object: a process that is killed in between leaves no token behind.
  await writeInto(workplace, path, after ?? emptyObject, mode).catch(unless(after === undefined, 'ENOSPC', 'EDQUOT'));
  if (after === undefined) await renameSoon(path, join(workplace, 'last'));
  await settleFolder(dirname(path));
  await sweep(workplace);
}

/** Removes what an earlier writer prepared, so that it cannot be renamed into place any more. */
async function sweep(workplace: string): Promise<void> {
  for (const name of await readdir(workplace)) {
    if (name !== FENCES) await rm(join(workplace, name), { force: true });
  }
}

/** The fences are in a file of their own, because they must outlive the credentials after a sign-out. */
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
    return new Map(); // none yet, or lost in a power cut, which also ended every holder
  }
}

/** A missing file counts as an empty object. */
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
  // the umask of this process may have removed permissions
  if (permissions !== PRIVATE)
    await chmod(prepared, permissions).catch(unless(mode === 'mount', 'EPERM', 'ENOTSUP', 'ENOSYS'));
  await leaveToOwnerOf(present ? path : dirname(path), mode, prepared);
  await renameSoon(prepared, path);
}

/** Ignores errors with these codes if `isCase`; rethrows any other. */
function unless(isCase: boolean, ...codes: string[]): (error: { code?: string }) => void {
  return (error) => {
    if (!isCase || !codes.includes(error.code ?? '')) throw error;
  };
}

/** Syncs the folder, so that the rename survives a power cut. */
async function settleFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // not possible on this system
  }
}
