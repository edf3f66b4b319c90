/// <reference types="node" />
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockError } from '../errors.js';
import type { Lock } from '../ports/lock.js';
import type { TokenStorage } from '../ports/storage.js';
import { createBaton, type Grip, type TryGrab } from './file/baton.js';
import { failure, locate, readCredentials, toValue } from './file/document.js';
import { memberOf } from './file/members.js';
import { nameFor } from './file/name.js';
import { type FileOptions, readFileOptions } from './file/options.js';
import { mayPass } from './file/rename.js';
import { type Change, update } from './file/update.js';
import { answerWithin, createWriteTurns } from './parts/write-turns.js';

export { fileChannel } from './file/channel.js';
export type { FileOptions } from './file/options.js';

const HOLD_MS = 15_000;
/** How long a rename that another program blocks is retried; with the last attempt it stays below 5 s. */
const PATIENCE_MS = 3_500;
const TURN_MS = 5_000;
const LONGEST_DELAY_MS = 2_147_483_647;

/**
 * Keeps sessions in one credentials file that only its owner can read.
 *
 * The file is readable JSON, one member per key, mode 0600, replaced atomically. Members of other programs stay byte for
 * byte, and the file is removed with its last member. A folder `<path>.lock` beside it stays. A file that is no JSON object
 * is kept as `<path>.damaged-<time>` when a session is stored. The path is fixed at creation; symbolic links are followed.
 *
 * Throws a `StorageError` for a file that others can read or that belongs to another user, and says which command
 * repairs it; see `mode`. A write that another program blocks is tried again for 4 s, and keeps the process alive meanwhile.
 * A write under a lock that was taken over is refused, and never replaces a newer one. A writer that is stopped in the
 * middle of a write delays the others by 3 000 ms at most, a killed one not at all.
 */
export function fileStorage(file: string, options?: FileOptions): TokenStorage {
  const { mode } = readFileOptions('fileStorage', file, options);
  const path = resolve(file);
  const turns = createWriteTurns();
  const batonOf = oncePerPlace((place) => createBaton(join(`${place}.lock`, 'document'), mode));
  let before: Promise<unknown> = Promise.resolve();
  let patienceMs = PATIENCE_MS;

  async function carryOut(change: Change, goOn: () => void): Promise<void> {
    try {
      const place = await locate(path);
      await update(place, batonOf(place), change, { mode, patienceMs, goOn });
      patienceMs = PATIENCE_MS;
    } catch (error) {
      if (mayPass(error)) patienceMs = 0; // retrying did not help: later writes do not retry until one succeeds
      throw failure('ERR_STORAGE_WRITE', path, error);
    }
  }

  function write(change: Change): Promise<void> {
    const inLine = (goOn: () => void): Promise<void> => {
      // Writes to the same file run one after another; a write that hangs is not waited for.
      const work = answerWithin(TURN_MS, before).then(() => carryOut(change, goOn));
      before = work.catch(() => undefined);
      return work;
    };
    return turns(change.key, { value: change.value ?? null, carryOut: inLine });
  }

  return {
    async getItem(key) {
      const credentials = await readCredentials(await locate(path), mode);
      const shown = credentials && memberOf(credentials, key);
      return shown === undefined ? null : toValue(shown);
    },
    setItem: (key, value, given) => write({ key, value, fence: given?.fence }),
    removeItem: (key, given) => write({ key, fence: given?.fence }),
  };
}

/**
 * One holder at a time per key, among all processes that use this credentials file.
 *
 * Takes the path of the credentials and keeps its own folder `<path>.lock` beside it, which stays. Needs nothing of the
 * file system but renaming. A holder that was killed on this machine is recognised at once where there is `/proc`
 * (elsewhere too, unless its process number is in use again). Any other holder that does not let go, because it is
 * stopped, or in another container or on another machine, is taken over from when its `holdMs` (default 15 000) is past.
 * Machines that share the file need clocks that agree to within a second or so.
 *
 * Throws a `StorageError` where the folder cannot be made or written to.
 */
export function fileLock(file: string, options?: FileOptions): Lock {
  const { mode } = readFileOptions('fileLock', file, options);
  const path = resolve(file);
  const batonOf = oncePerPlace((home) => createBaton(home, mode));

  async function grab(key: string, signal: AbortSignal, holdMs: number): Promise<Grip> {
    try {
      const tryGrab = batonOf(join(`${await locate(path)}.lock`, nameFor(key)));
      for (let tries = 0; ; tries++) {
        refuseAborted(signal);
        const grip = await tryGrab(holdMs);
        if (grip && !signal.aborted) return grip;
        await grip?.release();
        await sleep((0.5 + Math.random()) * Math.min(5 + 5 * tries, 30), undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      refuseAborted(signal);
      throw failure('ERR_STORAGE_WRITE', `${path}.lock`, error);
    }
  }

  return {
    async run(key, signal, task, { holdMs = HOLD_MS } = {}) {
      const grip = await grab(key, signal, holdMs);
      const lost = new AbortController();
      const giveUp = () => lost.abort(new LockError('ERR_LOCK_LOST', `Held the lock for more than ${holdMs} ms.`));
      const since = Date.now() + grip.leftMs - holdMs;
      const timer = setTimeout(giveUp, Math.min(grip.leftMs, LONGEST_DELAY_MS));
      timer.unref();
      try {
        return await task({
          get signal() {
            // Timers do not advance while the machine is suspended.
            if (Math.abs(Date.now() - since) > holdMs) giveUp();
            return lost.signal;
          },
          fence: grip.fence,
        });
      } finally {
        clearTimeout(timer);
        // If the release fails, others take the lock over after `holdMs`.
        await grip.release().catch(() => undefined);
      }
    },
  };
}

function oncePerPlace(create: (place: string) => TryGrab): (place: string) => TryGrab {
  const made = new Map<string, TryGrab>();
  return (place) => {
    const existing = made.get(place) ?? create(place);
    made.set(place, existing);
    return existing;
  };
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason;
}
