/// <reference types="node" />
import { constants, type Stats } from 'node:fs';
import { access, open, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { StorageError, type StorageErrorCode } from '../../errors.js';
import { type ObjectText, parse, readObject } from './members.js';

/** The permissions that the file must have; `'mount'`: permissions and owner are not checked. */
export type FileMode = number | 'mount';

const SYMLINKS = 20;

/** Resolves symbolic links, also for a file that does not exist yet, so that all processes use the same file and lock. */
export async function locate(path: string): Promise<string> {
  let found = resolve(path);
  for (let link = 0; link < SYMLINKS; link++) {
    const folder = await realpath(dirname(found)).catch(unlessMissing(path, dirname(found)));
    found = join(folder, basename(found));
    const target = await readlink(found).catch(unlessMissing(path, undefined, 'EINVAL', 'UNKNOWN'));
    if (target === undefined) return found;
    found = resolve(folder, target);
  }
  throw new StorageError(
    'ERR_STORAGE_READ',
    `Expected a file at ${path}, found symbolic links in a circle; remove them.`,
  );
}

/**
 * The whole file; undefined if there is none. Throws a StorageError if it is damaged, not private or another user's.
 *
 * A string member is a stored value as it is; any other member is the readable form of one.
 */
export async function readCredentials(path: string, mode: FileMode): Promise<ObjectText | undefined> {
  const bytes = await readPrivately(path, mode);
  if (bytes === undefined) return undefined;
  const text = readObject(bytes);
  if (text !== undefined) return text;
  const found = bytes.toString('latin1').trim() === '' ? 'an empty file' : 'something else';
  throw new StorageError(
    'ERR_STORAGE_CORRUPT',
    `Expected a JSON object in ${path}, found ${found}. The next sign-in moves it aside; to be rid of it: rm ${quote(path)}`,
  );
}

/** The stored string, from its form in the file. */
export function toValue(shown: unknown): string {
  return typeof shown === 'string' ? shown : JSON.stringify(shown);
}

/** The form of a string in the file: its JSON object if that restores every byte, so that a person can read it. */
export function toShown(value: string): unknown {
  const parsed = parse(value);
  const same = typeof parsed === 'object' && parsed !== null && JSON.stringify(parsed) === value;
  return same ? parsed : value;
}

/** Turns what a file operation threw into a StorageError that names the file. */
export function failure(code: StorageErrorCode, path: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const reason = (error as { code?: unknown } | undefined)?.code ?? 'unknown error';
  const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write to';
  return new StorageError(code, `Cannot ${action} ${path}: ${reason}. ${advice(String(reason), path)}`, {
    cause: error,
  });
}

/** Quotes a path for a shell. */
export function quote(path: string): string {
  return /^[\w/.@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

async function readPrivately(path: string, mode: FileMode): Promise<Buffer | undefined> {
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      await refuse(path, await file.stat(), mode);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw failure('ERR_STORAGE_READ', path, error);
  }
}

/** Checks the open file and not its path, so that it cannot be replaced between the check and the read. */
async function refuse(path: string, stats: Stats, mode: FileMode): Promise<void> {
  const found = stats.isFile() ? undefined : notAFile(path, stats);
  const wrong =
    found ?? (mode === 'mount' ? undefined : (notOurs(path, stats) ?? (await notPrivate(path, stats, mode))));
  if (wrong) throw new StorageError('ERR_STORAGE_READ', wrong);
}

function notAFile(path: string, stats: Stats): string {
  const found = stats.isDirectory() ? 'a directory' : 'something else';
  return `Expected a file at ${path}, found ${found}. Move it away, or choose another path.`;
}

function notOurs(path: string, stats: Stats): string | undefined {
  const us = process.geteuid?.(); // missing on Windows
  if (us === undefined || stats.uid === us) return undefined;
  const found = `Expected ${path} to belong to user ${us}, found user ${stats.uid}.`;
  if (us === 0 && process.env.SUDO_UID === String(stats.uid)) {
    return `${found} Run it without sudo; or pass { mode: 'mount' }, which leaves the file to its owner.`;
  }
  return `${found} If the mount decides on that, pass { mode: 'mount' }. If its content is yours: sudo chown ${us} ${quote(path)}`;
}

async function notPrivate(path: string, stats: Stats, mode: number): Promise<string | undefined> {
  if (process.geteuid === undefined || (stats.mode & 0o077 & ~mode) === 0) return undefined;
  const [expected, found] = [mode, stats.mode & 0o777].map((each) => each.toString(8).padStart(4, '0'));
  const wrong = `Expected mode ${expected} on ${path}, found ${found}: others may have read it.`;
  const remedy = `lose it with: chmod ${expected?.replace(/^0+/, '')} ${quote(path)}`;
  const isMounted = (stats.mode & 0o111) !== 0 || (stats.mode & 0o200) === 0 || (await isReadOnly(path));
  if (!isMounted) return `${wrong} C${remedy}`;
  return `${wrong} If the mount decides on that (SMB, WSL, a Kubernetes secret), pass { mode: 'mount' }; else c${remedy}`;
}

function isReadOnly(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => false,
    ({ code }: { code?: unknown }) => code === 'EROFS',
  );
}

function advice(reason: string, path: string): string {
  const base = path.replace(/\.lock$/, '');
  switch (reason) {
    case 'EACCES':
    case 'EPERM':
      return `Check who owns the file, its folder, and what lies beside it: ls -ld ${[dirname(base), base, `${base}.lock`].map(quote).join(' ')}`;
    case 'EBUSY':
      return 'Another program holds it; or it is a mount of its own (Docker, Kubernetes): mount its folder instead.';
    case 'EROFS':
      return 'The disk is read-only; choose a path on another, or mount it writable.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full; make room on it.';
    default:
      return 'It is tried again with the next call.';
  }
}

/** EINVAL and UNKNOWN are the errors of `readlink` for a path that is no link. */
function unlessMissing<T>(path: string, fallback: T, ...others: string[]): (error: { code?: string }) => T {
  return (error) => {
    if (['ENOENT', 'ENOTDIR', ...others].includes(error.code ?? '')) return fallback;
    throw failure('ERR_STORAGE_READ', path, error);
  };
}
