/// <reference types="node" />
import { constants } from 'node:fs';
import { copyFile, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from '../../errors.js';
import type { TryGrab } from './baton.js';
import { type Credentials, printCredentials, readCredentials, toShown } from './document.js';

/** A change of the value under one key; without a value, it is removed. */
export interface Change {
  readonly key: string;
  readonly value?: string;
  readonly fence?: number | undefined;
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
export async function update(path: string, tryGrab: TryGrab, change: Change): Promise<void> {
  for (const giveUpAt = performance.now() + PATIENCE_MS; performance.now() < giveUpAt; ) {
    const grip = await tryGrab(WRITE_MS);
    if (!grip) {
      await sleep(5 + Math.random() * 20);
      continue;
    }
    try {
      await replace(path, grip.path, change);
    } catch (error) {
      await sweep(grip.path).catch(() => undefined); // a full disk wants the room back
      if (await grip.release().catch(() => true)) throw error;
      continue; // it was taken from us, so that whatever failed says nothing
    }
    await grip.release().catch(() => undefined); // the change is done; our hold runs out
    return;
  }
  throw new StorageError(
    'ERR_STORAGE_WRITE',
    `Other processes keep ${path} busy; it is tried again with the next call.`,
  );
}

async function replace(path: string, workplace: string, { key, value, fence }: Change): Promise<void> {
  await sweep(workplace);
  if (fence !== undefined) await raiseFence(path, join(workplace, FENCES), key, fence);
  const credentials = await readOrMoveAside(path, value !== undefined);
  if (value !== undefined) credentials.set(key, toShown(value));
  else if (!credentials.delete(key)) return;
  if (credentials.size > 0) await writeInto(workplace, path, printCredentials(credentials));
  else await rename(path, join(workplace, 'last'));
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
async function raiseFence(path: string, fencesPath: string, key: string, fence: number): Promise<void> {
  const fences = await readFences(fencesPath);
  const newest = fences.get(key) ?? 0;
  if (fence < newest) {
    throw new StorageError(
      'ERR_STORAGE_WRITE',
      `A write to ${path} came too late: its lock (${fence}) was taken over (${newest}). What is stored is newer.`,
    );
  }
  if (fence === newest) return;
  await writeInto(dirname(fencesPath), fencesPath, JSON.stringify(Object.fromEntries(fences.set(key, fence))));
}

async function readFences(path: string): Promise<Map<string, number>> {
  try {
    return new Map(Object.entries<number>(JSON.parse(await readFile(path, 'utf8'))));
  } catch {
    return new Map(); // none yet, or lost with the machine's power, and every holder with it
  }
}

async function readOrMoveAside(path: string, mayMove: boolean): Promise<Credentials> {
  try {
    return (await readCredentials(path)) ?? new Map();
  } catch (error) {
    if (!mayMove || (error as StorageError).code !== 'ERR_STORAGE_CORRUPT') throw error;
    await copyFile(path, `${path}.damaged-${Date.now()}`, constants.COPYFILE_EXCL);
    return new Map();
  }
}

async function writeInto(workplace: string, path: string, text: string): Promise<void> {
  const prepared = join(workplace, 'next');
  const file = await open(prepared, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(prepared, path);
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
