import { hooks } from '../../core/hooks.js';
import {
  freeSlot,
  type PendingSignIn,
  type SignInTrace,
  takeSignIn,
  withoutSignIn,
  withoutTrace,
} from '../../core/pending-sign-ins.js';
import type { TokenResponse } from '../../core/token-set.js';
import { isTokenError, StorageError } from '../../errors.js';
import type { TokenManager } from '../../manager/token-manager.js';
import { sessionKeys } from '../dpop/session-keys.js';
import { addressOf, type Callback, readCallback, readCode } from './callback.js';
import { internalsOf } from './client.js';
import { exchangeCode } from './exchange-code.js';
import { defined } from './kept-server.js';
import type { ServerMetadata } from './metadata.js';
import { tokensOf } from './read-tokens.js';
import { revokeTokens } from './revoke-with.js';
import { grantOf } from './session-grant.js';
import type { SignInContext } from './sign-in-context.js';
import { SignInError } from './sign-in-error.js';

/** What is known when a sign-in is over. */
export interface SignedIn {
  /** Where the user was before. */
  readonly returnTo: string | undefined;
}

/** What became of an attempt to take a sign-in. */
type Taken =
  | { readonly kind: 'ours'; readonly entry: PendingSignIn; readonly id: string; readonly release: () => void }
  | { readonly kind: 'taken'; readonly trace: SignInTrace }
  | { readonly kind: 'refused'; readonly entry: PendingSignIn }
  | { readonly kind: 'unknown' | 'foreign' };

/** Ends a sign-in with the address that the user came back to; undefined where that is no callback. */
export async function finish(
  context: SignInContext & { readonly tokens: TokenManager; readonly ends: () => number },
  url: string,
): Promise<SignedIn | undefined> {
  const callback = readCallback(url);
  if (!callback) return undefined;
  const taken = await take(context, callback);
  switch (taken.kind) {
    case 'foreign':
      return undefined;
    case 'unknown':
      return leftOver(context, undefined);
    case 'taken':
      await context.store.waitFor(taken.trace.slot);
      return leftOver(context, taken.trace.returnTo);
    case 'refused':
      readCode(callback, taken.entry);
      return undefined; // not reached: a callback with an error has no code
    case 'ours':
      return complete(context, callback, taken).finally(taken.release);
  }
}

/** Whether there is a session, after the storage was read. */
async function isSignedIn({ store, snapshot, tokens }: FinishContext): Promise<boolean> {
  await tokens[hooks]?.look?.();
  return snapshot().status === 'active' || store.hasSession();
}

type FinishContext = Parameters<typeof finish>[0];

/** Takes the pending sign-in in one atomic step, so that exactly one page exchanges its code. */
async function take(context: FinishContext, callback: Callback): Promise<Taken> {
  const { store, secrets, platform, client } = context;
  const { state, address, isAmbiguous } = callback;
  const own = addressOf(internalsOf(client).options.redirectUri ?? '');
  const mark = (await secrets.hash(`sign-in ${state}`)).slice(0, 22);
  return store.change(async (signIns, write): Promise<Taken> => {
    const entry = signIns.pending.get(state);
    const trace = signIns.traces.find((left) => left.mark === mark);
    if (address !== addressOf(entry?.redirectUri ?? trace?.redirectUri ?? own)) return { kind: 'foreign' };
    if (!trace && !entry) return { kind: 'unknown' };
    if (isAmbiguous) {
      const message = 'Expected each parameter of the callback once, but one came twice; nothing was sent.';
      throw new SignInError('ERR_SIGN_IN_RESPONSE', message, { returnTo: entry?.returnTo });
    }
    if (trace) return { kind: 'taken', trace };
    if (!entry) return { kind: 'unknown' };
    if (callback.parameters.has('error')) {
      await write(withoutSignIn(signIns, state));
      return { kind: 'refused', entry };
    }
    const [id, slot] = [secrets.random(), freeSlot(signIns)];
    const { redirectUri, returnTo, binding } = entry;
    const left = { id, slot, mark, at: platform.clock.now(), redirectUri, ...defined({ returnTo, binding }) };
    const release = await store.hold(slot); // held before the trace is visible to other pages
    try {
      await write(takeSignIn(signIns, state, left));
    } catch (error) {
      release();
      throw error;
    }
    return { kind: 'ours', entry, id, release };
  });
}

/** A callback without a pending sign-in; harmless if there is a session. */
async function leftOver(context: FinishContext, returnTo: string | undefined): Promise<SignedIn> {
  if (await isSignedIn(context)) return { returnTo };
  throw new SignInError(
    'ERR_SIGN_IN_UNKNOWN',
    'Expected a sign-in that was begun here within the last hour, but there is none; begin again.',
    { returnTo, again: 'begin' },
  );
}

async function complete(
  context: FinishContext,
  callback: Callback,
  { entry, id }: Extract<Taken, { kind: 'ours' }>,
): Promise<SignedIn> {
  const { client, platform, store } = context;
  try {
    const code = readCode(callback, entry);
    if (entry.clientId !== client.clientId) throw changedClient(entry);
    const ends = context.ends();
    const requestedAt = platform.clock.now();
    const response = await exchangeCode(client, entry, code);
    await start(context, entry, id, response, { requestedAt, ends });
  } catch (error) {
    const again = error instanceof SignInError ? error.again : undefined;
    // Without an answer the trace stays: browsers cut requests off when a page leaves, and the next page asks for `returnTo`.
    if (again === 'begin') throw error;
    const isBusy = again === 'finish';
    // A code that was not read by the server is kept for another attempt.
    await store
      .change((signIns, write) => {
        const rest = withoutTrace(signIns, id);
        const wasThere = rest.traces.length < signIns.traces.length;
        const pending = new Map(rest.pending).set(callback.state, entry);
        return write(isBusy && wasThere ? { ...rest, pending } : rest);
      })
      .catch(() => undefined);
    if (!isBusy) await internalsOf(client).options.dpop?.[sessionKeys].prune(context, [entry.binding]);
    throw error;
  }
  return { returnTo: entry.returnTo };
}

/** Starts the session, unless the user signed out meanwhile. */
async function start(
  context: FinishContext,
  entry: PendingSignIn,
  id: string,
  response: TokenResponse,
  { requestedAt, ends }: { requestedAt: number; ends: number },
): Promise<void> {
  const { store, client } = context;
  const { server } = entry;
  const grant = grantOf(server, requestedAt, entry);
  try {
    await store.change(async (signIns, write) => {
      if (!signIns.traces.some((trace) => trace.id === id) || ends !== context.ends()) throw cancelled(entry);
      await context.tokens.startSession(response, grant);
      await write(withoutTrace(signIns, id)).catch(() => undefined);
    });
  } catch (error) {
    // An unreadable storage does not prevent a sign-in.
    if (error instanceof StorageError && ends === context.ends()) return context.tokens.startSession(response, grant);
    await revokeTokens(client, server as unknown as ServerMetadata, tokensOf({ ...response })).catch(() => undefined);
    throw isTokenError(error) && error.name === 'SessionError' ? cancelled(entry) : error;
  }
}

function cancelled({ returnTo }: PendingSignIn): SignInError {
  return new SignInError('ERR_SIGN_IN_CANCELLED', 'The user signed out while the sign-in was being finished.', {
    returnTo,
  });
}

function changedClient({ returnTo }: PendingSignIn): SignInError {
  const message = 'Expected the client that began the sign-in, but the application has another clientId by now.';
  return new SignInError('ERR_SIGN_IN_CONFIG', message, { returnTo, again: 'begin' });
}
