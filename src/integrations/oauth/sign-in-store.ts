import { decodeRecord } from '../../core/codec.js';
import { decodeSignIns, encodeSignIns, type SignIns } from '../../core/pending-sign-ins.js';
import { isTokenError, LockError, StorageError } from '../../errors.js';
import type { TokenManagerOptions } from '../../manager/options.js';

/** Storage, lock, channel, wake-ups, clock and chance; `browser()` makes one. */
export type Platform = NonNullable<TokenManagerOptions['platform']>;

/** A change of the stored sign-ins, under their lock; `write` replaces them. */
export type Step<T> = (signIns: SignIns, write: (signIns: SignIns) => Promise<void>) => Promise<T>;

/** The sign-ins of one key, for everybody on this storage. */
export interface SignInStore {
  /** Reads, decides and writes under the lock of the sign-ins. Throws `StorageError` and `LockError`. */
  change<T>(step: Step<T>): Promise<T>;
  /** Whether a session is stored, also one of a newer version; false where the storage cannot be read. */
  hasSession(): Promise<boolean>;
  /** The key that the stored session is bound to, if it is; undefined where that cannot be told. */
  sessionKeys(): Promise<readonly string[] | undefined>;
  /** Marks a sign-in as being finished here, until the function returned is called, or the page is gone. */
  hold(slot: number): Promise<() => void>;
  /** Resolves when no page is finishing the sign-in in that slot any more. */
  waitFor(slot: number): Promise<void>;
}

/** How long to wait for a session's lock; its holders are overdue a little earlier. */
const WAIT_MS = 20_000;
const TAKEOVER_MS = 2_000;
/** The time limit for finishing one sign-in. */
const FINISH_MS = 60_000;
const STORAGE_LIMIT_MS = 5_000;

/** The store below a name such as `evertoken:session`. */
export function signInStore(platform: Platform, name: string): SignInStore {
  const { storage, clock } = platform;
  const key = `${name}:sign-ins`;
  const lockOf = (slot: number) => `${name}:sign-in:${slot}`;

  async function read(): Promise<SignIns> {
    const text = await guarded('ERR_STORAGE_READ', () => storage.getItem(key));
    return decodeSignIns(typeof text === 'string' ? text : null, clock.now());
  }

  async function write(signIns: SignIns, fence: number | undefined): Promise<void> {
    const text = encodeSignIns(signIns);
    const options = fence === undefined ? undefined : { fence };
    await guarded('ERR_STORAGE_WRITE', () =>
      text === undefined ? storage.removeItem(key, options) : storage.setItem(key, text, options),
    );
  }

  /** Runs a call of the storage within its time limit; rejects with a `StorageError`. */
  async function guarded<T>(code: 'ERR_STORAGE_READ' | 'ERR_STORAGE_WRITE', work: () => T): Promise<Awaited<T>> {
    let cancel: (() => void) | undefined;
    const limit = new Promise<never>((_, reject) => {
      cancel = clock.after(STORAGE_LIMIT_MS, () => reject(undefined), { keepAlive: true });
    });
    try {
      return await Promise.race([(async () => work())(), limit]);
    } catch (error) {
      if (isTokenError(error)) throw error;
      const what = code === 'ERR_STORAGE_READ' ? 'read' : 'written';
      throw new StorageError(code, `Expected the sign-ins under way to be ${what}, but the storage failed; try again.`);
    } finally {
      cancel?.();
    }
  }

  return {
    change: (step) =>
      locked(platform, key, WAIT_MS, async ({ signal, fence }) =>
        step(await read(), (signIns) => {
          if (signal.aborted)
            throw new LockError('ERR_LOCK_LOST', 'The lock of the sign-ins was taken over; try again.');
          return write(signIns, fence);
        }),
      ),
    async hasSession() {
      const text = await guarded('ERR_STORAGE_READ', () => storage.getItem(name)).catch(() => null);
      return typeof text === 'string' && /record|newer/.test(decodeRecord(text).kind);
    },
    async sessionKeys() {
      const text = await guarded('ERR_STORAGE_READ', () => storage.getItem(name)).catch(() => undefined);
      if (text === null) return [];
      const { record } = decodeRecord(String(text));
      const { binding } = record?.grant ?? {};
      return record && (binding === undefined ? [] : [binding]);
    },
    hold: (slot) =>
      new Promise((granted, failed) => {
        locked(platform, lockOf(slot), FINISH_MS, () => new Promise<void>((release) => granted(release))).catch(failed);
      }),
    waitFor: (slot) => locked(platform, lockOf(slot), FINISH_MS, async () => undefined).catch(() => undefined),
  };
}

async function locked<T>(
  { lock, clock }: Platform,
  name: string,
  limitMs: number,
  task: Parameters<typeof lock.run<T>>[2],
): Promise<T> {
  const waiting = new AbortController();
  let isGranted = false;
  const cancel = clock.after(limitMs, () => waiting.abort(), { keepAlive: true });
  try {
    return await lock.run(
      name,
      waiting.signal,
      (lease) => {
        isGranted = true;
        cancel();
        return task(lease);
      },
      { holdMs: limitMs - TAKEOVER_MS },
    );
  } catch (error) {
    if (isGranted || isTokenError(error)) throw error;
    const message = `Expected the lock of the sign-ins under way within ${limitMs} ms, but it was not to be had; try again.`;
    throw new LockError('ERR_LOCK_TIMEOUT', message);
  } finally {
    cancel();
  }
}
