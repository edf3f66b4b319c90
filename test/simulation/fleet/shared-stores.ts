import type { DueIndex } from '../../../src/ports/due-index.js';
import type { TokenStorage } from '../../../src/ports/storage.js';
import { memoryDueIndex } from '../../../src/services/fleet/memory-due-index.js';
import type { Host } from './host.js';
import { outsideCall } from './outside-call.js';
import type { SimWorld } from './sim-world.js';

/** What the checks want to know of a due index. */
export interface IndexWatch {
  claims(host: Host, lane: string, keys: readonly { readonly key: string; readonly at: number }[]): void;
  puts(host: Host, key: string): void;
  touches(host: Host, keys: readonly string[]): void;
  pauses(host: Host, lane: string, pause: Parameters<DueIndex['pause']>[1]): void;
}

/** One due index for all processes, the real one in memory, reached over a bad line. */
export interface SharedIndex {
  portFor(host: Host): DueIndex;
  /** As it is, for those who see everything. */
  readonly bare: DueIndex;
  /** Everything is forgotten. */
  wipe(): void;
  isDown: boolean;
}

const TOKEN = /"[ar]-lane/;

export function createSharedIndex(world: SimWorld, watch: IndexWatch): SharedIndex {
  const make = () => memoryDueIndex({ clock: { now: world.wall } });
  let bare = make();
  const index: SharedIndex = {
    isDown: false,
    get bare() {
      return bare;
    },
    wipe() {
      world.disturb('fault');
      bare = make();
    },
    portFor(host) {
      const call = <T>(what: string, apply: () => T | PromiseLike<T>) =>
        outsideCall(world, host, `index ${what}`, index.isDown, apply);
      return {
        put: (key, entry) => {
          if (TOKEN.test(JSON.stringify(entry))) world.violate('no token elsewhere', `in the entry of ${key}`);
          return call('put', () => {
            watch.puts(host, key);
            return bare.put(key, entry);
          });
        },
        get: (key) => call('get', () => bare.get(key)),
        touch: (keys, at) =>
          call('touch', () => {
            world.trace(() => `${host.name} notes the use of ${keys}`);
            watch.touches(host, keys);
            return bare.touch(keys, at);
          }),
        remove: (key, ended) => call('remove', () => bare.remove(key, ended)),
        claim: (lane, options) =>
          call('claim', async () => {
            const claimed = await bare.claim(lane, options);
            if (claimed.length > 0) {
              world.trace(
                () =>
                  `${host.name} claims ${claimed.map(({ key, urgent, usedAt }) => `${key}${urgent ? '!' : ''} used ${world.wall() - usedAt} ms ago`)}`,
              );
              watch.claims(host, lane, claimed);
            }
            return claimed;
          }),
        pause: (lane, pause) =>
          call('pause', () => {
            world.trace(() => `${host.name} pauses ${lane}: ${JSON.stringify(pause)}`);
            watch.pauses(host, lane, pause);
            return bare.pause(lane, pause);
          }),
        look: (lane) => call('look', () => bare.look(lane)),
        ended: (limit) => call('ended', () => bare.ended(limit)),
        acknowledge: (keys) => call('acknowledge', () => bare.acknowledge(keys)),
        attention: (limit) => call('attention', () => bare.attention(limit)),
      };
    },
  };
  return index;
}

/** What the checks want to know of a store. */
export interface StoreWatch {
  stored(host: Host, key: string, text: string): void;
  removed(host: Host, key: string, before: string | undefined): void;
}

/** One storage for all processes, which refuses outdated fences. */
export interface SharedStore {
  portFor(host: Host): TokenStorage;
  readonly items: ReadonlyMap<string, string>;
  isDown: boolean;
}

export function createSharedStore(world: SimWorld, watch: StoreWatch): SharedStore {
  const items = new Map<string, string>();
  const fences = new Map<string, number>();

  function admit(key: string, fence: number | undefined): void {
    if (fence === undefined) return;
    if (fence < (fences.get(key) ?? 0)) throw new Error('a newer fence was seen');
    fences.set(key, fence);
  }

  const store: SharedStore = {
    isDown: false,
    items,
    portFor(host) {
      const call = <T>(what: string, apply: () => T) =>
        outsideCall(world, host, `storage ${what}`, store.isDown, apply);
      return {
        getItem: (key) => call('read', () => items.get(key) ?? null),
        setItem: (key, text, options) =>
          call('write', () => {
            admit(key, options?.fence);
            items.set(key, text);
            watch.stored(host, key, text);
          }),
        removeItem: (key, options) =>
          call('removal', () => {
            admit(key, options?.fence);
            const before = items.get(key);
            items.delete(key);
            watch.removed(host, key, before);
          }),
      };
    },
  };
  return store;
}
