import type { SignIns } from '../../core/pending-sign-ins.js';
import { addKey, dropKeys } from '../../core/sign-in-keys.js';
import { isTokenError, StorageError } from '../../errors.js';
import type { DpopKeys } from '../../manager/token-manager.js';

/** Names the member by which `evertoken/oauth` reaches the keys of sessions, also across copies of the package. */
export const sessionKeys: unique symbol = Symbol.for('evertoken.sessionKeys') as never;

/** Where sign-ins under way are kept, and what is known of the session. */
export interface SignInPlace {
  readonly store: {
    change<T>(step: (signIns: SignIns, write: (signIns: SignIns) => Promise<void>) => Promise<T>): Promise<T>;
    /** The key that the stored session is bound to, if it is; undefined where that cannot be told. */
    sessionKeys(): Promise<readonly string[] | undefined>;
  };
  readonly platform: { readonly clock: { now(): number } };
  /** The key that the session is bound to, as this tab knows it. */
  binding(): string | undefined;
}

/** Makes the keys of sessions, and removes them when nothing refers to them any more. */
export interface SessionKeys {
  /** Makes a key; gives its name. Throws `StorageError`. */
  create(): Promise<string>;
  /** Makes the key of a sign-in and notes it, and removes those that nothing refers to any more. */
  begin(place: SignInPlace): Promise<string>;
  /**
   * Removes the keys that were made for sign-ins there and that nothing refers to: those that are `over`, and older ones.
   *
   * Never rejects: what is left behind is removed the next time.
   */
  prune(place: SignInPlace, over: readonly (string | undefined)[]): Promise<void>;
  /** Removes keys, as far as that is possible now. */
  remove(names: readonly (string | undefined)[]): Promise<void>;
}

/** Makes them over a keeper of keys. */
export function createSessionKeys(keys: DpopKeys): SessionKeys {
  const own: SessionKeys = {
    async create() {
      try {
        return (await keys.create()).binding;
      } catch (cause) {
        if (isTokenError(cause)) throw cause;
        const message = 'Expected a key for the session (DPoP), but the key store failed; try again.';
        throw new StorageError('ERR_STORAGE_WRITE', message, { cause });
      }
    },
    async begin(place) {
      const binding = await own.create();
      try {
        await place.store.change((signIns, write) => write(addKey(signIns, binding, place.platform.clock.now())));
      } catch (error) {
        await own.remove([binding]);
        throw error;
      }
      void own.prune(place, []);
      return binding;
    },
    async prune({ store, platform, binding }, over) {
      const unused = await store
        .change(async (signIns, write) => {
          const stored = signIns.keys && (await store.sessionKeys());
          if (!stored) return [];
          const [names, rest] = dropKeys(signIns, [...stored, binding()], over, platform.clock.now());
          if (names.length > 0) await write(rest);
          return names;
        })
        .catch(() => []);
      await own.remove(unused);
    },
    async remove(names) {
      for (const name of names) if (name !== undefined) await keys.remove(name).catch(() => undefined);
    },
  };
  return own;
}
