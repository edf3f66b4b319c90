import { StorageError } from '../errors.js';
import type { Channel } from '../ports/channel.js';
import type { Clock } from '../ports/clock.js';
import type { TokenStorage } from '../ports/storage.js';
import type { Gate } from './gate.js';

/** A method of a storage. */
export type StorageOperation = 'getItem' | 'setItem' | 'removeItem';

/**
 * What one call of a storage meets.
 *
 * @example
 * peer.storageFault = { error: new Error('the keychain is locked') }; // every call, until set to undefined
 * peer.storageFault = (operation) => (operation === 'setItem' ? { delayMs: 200 } : undefined);
 */
export interface StorageFault {
  /** How long it takes, in milliseconds, before it is done. Default 0. */
  delayMs?: number;
  /** What it rejects with. */
  error?: unknown;
  /** It never settles. */
  hang?: boolean;
  /** Whether it is done although it rejects or hangs. Default `false`. */
  acts?: boolean;
}

/** Decides per call; undefined for no fault. */
export type StorageFaultDecision = (operation: StorageOperation, key: string) => StorageFault | undefined;

/** What several contexts have in common: items, and for each the newest fence. */
export interface SharedItems {
  readonly items: Map<string, string>;
  /** Writes, or removes with undefined. */
  write(key: string, value: string | undefined, fence: number | undefined): void;
}

/** Makes an empty storage; with `fences` it refuses writes under an outdated one. */
export function createSharedItems(fences: boolean): SharedItems {
  const items = new Map<string, string>();
  const newest = new Map<string, number>();
  return {
    items,
    write(key, value, fence) {
      const seen = newest.get(key) ?? Number.NEGATIVE_INFINITY;
      if (fences && fence !== undefined && fence < seen) {
        throw new StorageError(
          'ERR_STORAGE_WRITE',
          `Expected fence ${seen} or newer, got ${fence}: the lock was lost.`,
        );
      }
      if (fence !== undefined) newest.set(key, fence);
      if (value === undefined) items.delete(key);
      else items.set(key, value);
    },
  };
}

/** The storage as the context behind a gate has it. */
export function connectStorage(
  { items, write }: SharedItems,
  gate: Gate,
  clock: Clock,
  decide: StorageFaultDecision,
): TokenStorage {
  const call = <T>(operation: StorageOperation, key: string, act: () => T): Promise<T> =>
    gate.through(async () => {
      const { delayMs = 0, hang = false, acts = false, ...failure } = decide(operation, key) ?? {};
      const fails = hang || 'error' in failure;
      if (delayMs > 0) await new Promise<void>((resolve) => clock.after(delayMs, resolve, { keepAlive: true }));
      if (gate.state === 'crashed') return never(); // a call that had not acted before the crash never does
      const result = fails && !acts ? undefined : act();
      if (hang) return never();
      if ('error' in failure) throw failure.error;
      return result as T;
    });
  return {
    getItem: (key) => call('getItem', key, () => items.get(key) ?? null),
    setItem: (key, value, options) => call('setItem', key, () => write(key, value, options?.fence)),
    removeItem: (key, options) => call('removeItem', key, () => write(key, undefined, options?.fence)),
  };
}

/** A channel for several contexts; what one announces, all hear, itself included. */
export interface SharedChannel {
  /** The channel as the context behind a gate has it, and what its crash does to it. */
  connect(gate: Gate): { channel: Channel; leave: () => void };
}

/** Makes a channel without listeners. */
export function createSharedChannel(): SharedChannel {
  interface Ear {
    readonly key: string;
    readonly hear: () => void;
  }
  const ears = new Set<Ear>();
  return {
    connect(gate) {
      const own = new Set<Ear>();
      const announce = (key: string) => {
        for (const ear of ears) if (ear.key === key) void Promise.resolve().then(() => ears.has(ear) && ear.hear());
      };
      return {
        channel: {
          announce: (key) => void gate.enter(() => announce(key)),
          subscribe(key, listener) {
            const ear = { key, hear: () => void gate.enter(() => ears.has(ear) && listener()) };
            own.add(ear);
            ears.add(ear);
            return () => void ears.delete(ear);
          },
        },
        leave: () => {
          for (const ear of own) ears.delete(ear);
        },
      };
    },
  };
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
