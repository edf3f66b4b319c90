/// <reference types="node" />
import { lstat, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from '../../errors.js';
import { type FileMode, quote } from './document.js';
import { leaveToOwnerOf } from './heir.js';
import { isGone, machineUptime, type Owner, thisProcess } from './owner.js';
import { renameSoon } from './rename.js';

// A lock for any file system that can rename directories atomically.
//
// A baton is a directory inside `home`. There is always exactly one, and its name holds the state of the lock:
//   free.<n>                                                   not held
//   held.<n>.<pid>.<started>.<machine>.<hold>.<up>.<wall>.<x>  held, by whom, for how long, until when on two clocks
// Taking it, free or from a dead holder, is one rename, and no name is used twice. So of all waiters that read the same
// name, exactly one succeeds, however long ago it was read: nothing is deleted, and there is no gap between the decision
// and the rename. For a holder that was stopped and taken over from, no path through its baton exists any more.
//
// Why no library: proper-lockfile 4.1.2 removes a stale lock and then makes a new one, so a waiter that is interrupted in
// between removes the lock of the next holder (its issue 121), and it detects a killed holder only after at least 2 s.
// Libraries based on flock(2) or fcntl(2) need native code, and a file system with lock primitives.

/** The held lock. */
export interface Grip {
  /** The directory; its path exists only while this lock is held. */
  readonly path: string;
  /** Grows with every grant. */
  readonly fence: number;
  /** Milliseconds before another may take it over. */
  readonly leftMs: number;
  /** Releases the lock; `false` if it had been taken over. */
  release(): Promise<boolean>;
}

/** One attempt: the grip, or undefined if the lock is held. */
export type TryGrab = (holdMs: number) => Promise<Grip | undefined>;

interface Mark {
  readonly name: string;
  readonly fence: number;
  /** Absent while it is not held. */
  readonly holder?: Owner & { readonly holdMs: number; readonly untilUp: number; readonly untilWall: number };
}

/** The lock in this directory, which is created on first use. */
export function createBaton(home: string, mode: FileMode): TryGrab {
  let watched: { name: string; sinceMs: number } | undefined;
  let isTrusted = false;

  function isTakeable({ name, holder }: Mark): boolean {
    if (!holder || isGone(holder)) return true;
    if (watched?.name !== name) watched = { name, sinceMs: performance.now() };
    // After watching the same holder for its whole `holdMs`, the clocks in the name are not needed.
    return isOver(holder) || performance.now() - watched.sinceMs > holder.holdMs;
  }

  return async (holdMs) => {
    const mark = await currentMark(home, mode);
    if (!isTrusted) await refuseForeign(dirname(home), mode);
    isTrusted = true;
    if (!isTakeable(mark)) return undefined;
    const fence = mark.fence + 1;
    const { pid, started, machine } = thisProcess();
    // Read before the rename, so that this holder's deadline is never later than the one that others compute.
    const up = machineUptime();
    const untilWall = Date.now() + holdMs;
    const untilUp = up === undefined ? '' : up + holdMs;
    const unique = Math.random().toString(36).slice(2); // two attempts of one process may fall into the same millisecond
    const name = ['held', fence, pid, started, machine, holdMs, untilUp, untilWall, unique].join('.');
    if (!(await renamed(home, mark.name, name))) return undefined;
    return {
      path: join(home, name),
      fence,
      leftMs: untilWall - Date.now(),
      release: () => renamed(home, name, `free.${fence}`),
    };
  };
}

/** `false` if the source is no longer there. */
async function renamed(home: string, from: string, to: string): Promise<boolean> {
  try {
    await renameSoon(join(home, from), join(home, to));
    return true;
  } catch (error) {
    // A network file system may retry a rename that succeeded, and then report that it failed.
    if (await exists(join(home, to))) return true;
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function currentMark(home: string, mode: FileMode): Promise<Mark> {
  for (let tries = 0; ; tries++) {
    // A listing during a rename may contain both names, or none.
    const marks = (await listing(home)).map(readMark).filter((mark) => mark !== undefined);
    const [newest] = marks.sort((a, b) => b.fence - a.fence || (a.holder ? 1 : -1));
    if (newest) return newest;
    if (tries > 4) await rmdir(home).catch(ignore); // it stays empty: its content was deleted; `rmdir` fails if it is not empty
    if (tries > 4 || !(await exists(home))) await makeHome(home, mode);
    if (tries > 20) throw new Error(`expected a lock directory at ${home} that can be listed; remove it by hand`);
  }
}

function readMark(name: string): Mark | undefined {
  const [kind, count, pid, started = '', machine = '', holdMs, untilUp, untilWall] = name.split('.');
  const fence = Number(count);
  if (!Number.isSafeInteger(fence) || fence < 1) return undefined;
  if (kind === 'free' && pid === undefined) return { name, fence };
  if (kind !== 'held' || untilWall === undefined) return undefined;
  const holder = { pid: Number(pid), started, machine, holdMs: Number(holdMs) };
  return { name, fence, holder: { ...holder, untilUp: Number(untilUp || Number.NaN), untilWall: Number(untilWall) } };
}

function isOver({ machine, untilUp, untilWall }: NonNullable<Mark['holder']>): boolean {
  const up = machineUptime();
  const comparable = up !== undefined && !Number.isNaN(untilUp) && machine === thisProcess().machine;
  return comparable ? up > untilUp : Date.now() > untilWall;
}

/** Makes the directory with its baton inside in one step: a rename onto a directory that is not empty fails. */
async function makeHome(home: string, mode: FileMode): Promise<void> {
  await mkdir(dirname(home), { recursive: true, mode: 0o700 });
  await refuseForeign(dirname(home), mode);
  const fresh = await mkdtemp(join(dirname(home), '.new-'));
  try {
    // Starting at the current time keeps the fence growing even if the directory was deleted.
    const free = join(fresh, `free.${Date.now()}`);
    await mkdir(free, { mode: 0o700 });
    await leaveToOwnerOf(dirname(dirname(home)), mode, dirname(home), fresh, free);
    await renameSoon(fresh, home);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (!(await exists(home))) throw error;
  }
}

/** Throws if other users can write to the folder: they could change the lock. */
async function refuseForeign(folder: string, mode: FileMode): Promise<void> {
  const us = process.geteuid?.(); // missing on Windows
  const stats = await lstat(folder);
  const isOurs = mode === 'mount' || (stats.uid === us && (stats.mode & 0o022) === 0);
  if (us === undefined || (stats.isDirectory() && isOurs)) return;
  const expected = `Expected ${folder} to be a folder that belongs to user ${us} and that nobody else can write to`;
  const isMounted = (stats.mode & 0o777) === 0o777;
  const otherwise = isMounted
    ? "If the mount decides on that (SMB, WSL), pass { mode: 'mount' }; else remove"
    : 'Remove';
  const remedy = `${otherwise} it; it is made anew: rm -r ${quote(folder)}`;
  throw new StorageError('ERR_STORAGE_WRITE', `${expected}. ${remedy}`);
}

async function listing(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

function ignore(): void {}
