/// <reference types="node" />
import { constants, type Stats } from 'node:fs';
import { open, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { StorageError, type StorageErrorCode } from '../../errors.js';

/** The values of a credentials file by key; one that is text is a value of ours, anything else is what a person sees of it. */
export type Credentials = Map<string, unknown>;

const SYMLINKS = 20;

/** Follows symbolic links to where the file is or would be, so that everybody means the same file and lock. */
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

/** The whole file; undefined if there is none. Throws a StorageError for one that is not private, not ours or damaged. */
export async function readCredentials(path: string): Promise<Credentials | undefined> {
  const text = await readPrivately(path);
  if (text === undefined) return undefined;
  const parsed = parse(text);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return new Map(Object.entries(parsed));
  const found = text.trim() === '' ? 'an empty file' : 'something else';
  throw new StorageError(
    'ERR_STORAGE_CORRUPT',
    `Expected a JSON object in ${path}, found ${found}. The next sign-in moves it aside; to be rid of it: rm ${quote(path)}`,
  );
}

/** What to write for these credentials. */
export function printCredentials(credentials: Credentials): string {
  return `${JSON.stringify(Object.fromEntries(credentials), null, 2)}\n`;
}

/** The string that was stored, from what the file shows. */
export function toValue(shown: unknown): string {
  return typeof shown === 'string' ? shown : JSON.stringify(shown);
}

/** What the file shows of a string: an object where that loses no byte of it, so that a person can read it. */
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

/** A word in a shell, whatever is in it. */
export function quote(path: string): string {
  return /^[\w/.@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

async function readPrivately(path: string): Promise<string | undefined> {
  try {
    // without O_NONBLOCK, opening a pipe would wait for somebody to write to it
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      refuse(path, await file.stat());
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw failure('ERR_STORAGE_READ', path, error);
  }
}

/** Looks at the open file, so that nobody can swap it between looking and reading. */
function refuse(path: string, stats: Stats): void {
  const wrong = !stats.isFile() ? notAFile(path, stats) : (notOurs(path, stats) ?? notPrivate(path, stats));
  if (wrong) throw new StorageError('ERR_STORAGE_READ', wrong);
}

function notAFile(path: string, stats: Stats): string {
  const found = stats.isDirectory() ? 'a directory' : 'something else';
  return `Expected a file at ${path}, found ${found}. Move it away, or choose another path.`;
}

function notOurs(path: string, stats: Stats): string | undefined {
  const us = process.geteuid?.(); // not on Windows
  if (us === undefined || stats.uid === us) return undefined;
  const command = `sudo chown ${us} ${quote(path)}`;
  return `Expected ${path} to belong to user ${us}, found user ${stats.uid}. If its content is yours: ${command}`;
}

function notPrivate(path: string, stats: Stats): string | undefined {
  if (process.geteuid === undefined || (stats.mode & 0o077) === 0) return undefined;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  return `Expected mode 0600 on ${path}, found ${mode}: others may have read it. Close it with: chmod 600 ${quote(path)}`;
}

function advice(reason: string, path: string): string {
  switch (reason) {
    case 'EACCES':
    case 'EPERM':
      return `Check who owns the file and its folder: ls -ld ${quote(path)} ${quote(dirname(path))}`;
    case 'EROFS':
      return 'The disk is read-only; choose a path on another, or mount it writable.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full; make room on it.';
    default:
      return 'It is tried again with the next call.';
  }
}

/** Undefined for what is not JSON; a parser's message would quote the content. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** EINVAL and UNKNOWN: what reading the link says of something that is none. */
function unlessMissing<T>(path: string, fallback: T, ...others: string[]): (error: { code?: string }) => T {
  return (error) => {
    if (['ENOENT', 'ENOTDIR', ...others].includes(error.code ?? '')) return fallback;
    throw failure('ERR_STORAGE_READ', path, error);
  };
}
