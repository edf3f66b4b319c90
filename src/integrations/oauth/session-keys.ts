import { addKey, dropKeys } from '../../core/pending-sign-ins.js';
import { isTokenError, StorageError } from '../../errors.js';
import { internalsOf, type OAuthClient } from './client.js';
import type { SignInContext } from './sign-in-context.js';

/** Makes a key for a session to be bound to; undefined where the client binds none. Throws `StorageError`. */
export async function createKey(client: OAuthClient): Promise<string | undefined> {
  const { dpop } = internalsOf(client).options;
  try {
    return dpop && (await dpop.keys.create()).binding;
  } catch (cause) {
    if (isTokenError(cause)) throw cause;
    const message = 'Expected a key for the session (DPoP), but the key store failed; try again.';
    throw new StorageError('ERR_STORAGE_WRITE', message, { cause });
  }
}

/** Makes the key of a sign-in, notes it, and removes those that nothing refers to any more. */
export async function beginKey(context: SignInContext): Promise<string | undefined> {
  const { client, store, platform } = context;
  const binding = await createKey(client);
  if (binding === undefined) return undefined;
  try {
    await store.change((signIns, write) => write(addKey(signIns, binding, platform.clock.now())));
  } catch (error) {
    await removeKeys(client, [binding]);
    throw error;
  }
  void pruneKeys(context, []);
  return binding;
}

/**
 * Removes the keys that were made for sign-ins here and that nothing refers to: those that are `over`, and older ones.
 *
 * Never rejects: what is left behind is removed the next time.
 */
export async function pruneKeys(context: SignInContext, over: readonly (string | undefined)[]): Promise<void> {
  const { client, store, platform } = context;
  if (!internalsOf(client).options.dpop) return;
  const unused = await store
    .change(async (signIns, write) => {
      const stored = signIns.keys ? await store.sessionKeys() : undefined;
      if (!stored) return [];
      const [names, rest] = dropKeys(signIns, [...stored, context.binding()], over, platform.clock.now());
      if (names.length > 0) await write(rest);
      return names;
    })
    .catch(() => []);
  await removeKeys(client, unused);
}

/** Removes keys, as far as that is possible now. */
export async function removeKeys(client: OAuthClient, names: readonly (string | undefined)[]): Promise<void> {
  const { dpop } = internalsOf(client).options;
  for (const name of names) if (name !== undefined) await dpop?.keys.remove(name).catch(() => undefined);
}
