import { hooks } from '../../core/hooks.js';
import type { TokenManager } from '../../manager/token-manager.js';
import { checkNames, refuse } from '../origins.js';
import { type BeginOptions, begin } from './begin.js';
import { readCallback } from './callback.js';
import { internalsOf, type OAuthClient } from './client.js';
import { detachable } from './detachable.js';
import { finish, type SignedIn } from './finish.js';
import { type CryptoLike, secretsFrom } from './random.js';
import { type Platform, signInStore } from './sign-in-store.js';
import { signOut } from './sign-out.js';

/** What signing in needs. */
export interface SignInOptions {
  /** What `oauthClient()` gave. Required. */
  client: OAuthClient;
  /** The manager that keeps the session. Required. */
  tokens: TokenManager;
  /** The manager's platform: sign-ins under way are kept there, for all its tabs or processes. Required. */
  platform: Platform;
  /** The manager's `key`. Default `'session'`. */
  key?: string | undefined;
  /** Random bytes and SHA-256, where there is no global `crypto` with both. */
  crypto?: CryptoLike | undefined;
}

/** Signing in and out; see {@link createSignIn}. */
export interface SignIn {
  /**
   * The URL to send the user to.
   *
   * What `finish` needs is kept for an hour, for all tabs; eight may be under way.
   *
   * @throws {SignInError} `ERR_SIGN_IN_NETWORK`, `ERR_SIGN_IN_CONFIG`
   * @throws {StorageError | LockError} what is needed later could not be stored
   * @throws {OptionsError} `ERR_OPTIONS`
   */
  begin(options?: BeginOptions): Promise<string>;
  /**
   * Takes the URL with which the user came back; undefined where it is no callback.
   *
   * May be called any number of times, and in several tabs: the code is sent once. For a callback that was taken
   * already, resolves with where the user was, as long as there is a session.
   *
   * @param options.signal Detaches this caller alone; rejects with the signal's own reason.
   * @throws {SignInError} whatever went wrong; `returnTo` where it is known
   * @throws {OptionsError} `ERR_OPTIONS`
   */
  finish(url: string, options?: { signal?: AbortSignal | undefined }): Promise<SignedIn | undefined>;
  /**
   * Ends the session and every sign-in under way; gives the URL at which the server ends its own session.
   *
   * Undefined where the server has none, or cannot be asked. `returnTo` is the address that the server sends the user to.
   *
   * @throws as `endSession()`
   * @throws {OptionsError} `ERR_OPTIONS`, and ends nothing
   */
  end(options?: { returnTo?: string | undefined }): Promise<string | undefined>;
}

const MAX_SHARED = 16;

/**
 * Signs users in by code with PKCE (RFC 6749, RFC 7636, RFC 9207), and out again.
 *
 * Creating does nothing. Sign-ins under way are kept in the platform's storage, so that another tab, or the application after a
 * restart, can finish them.
 *
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * const signIn = createSignIn({ client, tokens, platform });
 * location.assign(await signIn.begin({ returnTo: location.pathname })); // a button
 * const done = await signIn.finish(location.href); // when the page starts
 * if (done) history.replaceState(null, '', done.returnTo ?? '/');
 */
export function createSignIn(options: SignInOptions): SignIn {
  const { client, tokens, platform, crypto } = Object(options) as SignInOptions;
  checkNames(options, ['client', 'tokens', 'platform', 'key', 'crypto']);
  const _internal = internalsOf(client);
  if (typeof tokens?.startSession !== 'function') refuse('tokens', 'a token manager', tokens);
  for (const port of ['storage', 'lock', 'clock'] as const) {
    if (typeof platform?.[port] !== 'object') refuse('platform', 'the platform of the token manager', platform);
  }
  const own = tokens[hooks]?.key;
  const { key = own ?? 'session' } = options;
  if (typeof key !== 'string' || !key || (own ?? key) !== key) refuse('key', 'the key of the token manager', key);
  const name = `evertoken:${key}`;
  let ends = 0;
  const context = {
    client,
    tokens,
    platform,
    secrets: secretsFrom(crypto),
    store: signInStore(platform, name),
    snapshot: () => tokens.getSnapshot(),
    binding: () => tokens[hooks]?.grant?.()?.binding,
    ends: () => ends,
  };
  // Calls for the same callback share one outcome while it is pending, and after a success.
  const shared = new Map<string, Promise<SignedIn | undefined>>();

  function finishOnce(url: string): Promise<SignedIn | undefined> {
    const state = readCallback(url)?.state ?? '';
    const address = `${state} ${url}`;
    const found = shared.get(address);
    if (found) return found;
    const outcome = finish(context, url);
    shared.set(address, outcome);
    for (const oldest of shared.keys()) if (shared.size > MAX_SHARED) shared.delete(oldest);
    const forget = () => {
      if (shared.get(address) === outcome) shared.delete(address);
    };
    outcome.then((done) => done ?? forget(), forget);
    return outcome;
  }

  return {
    begin: (asked = {}) => begin(context, asked),
    finish: async (url, asked = {}) => {
      checkNames(asked, ['signal']);
      return detachable(finishOnce(String(url)), asked.signal);
    },
    end: async (asked = {}) => {
      checkNames(asked, ['returnTo']);
      ends++;
      shared.clear();
      return signOut(context, asked.returnTo);
    },
  };
}
