import type { Challenge } from '../core/challenge.js';
import type { hooks, IntegrationHooks, SentWith } from '../core/hooks.js';
import type { TokenEvents } from '../core/session-events.js';
import type { SignInGrant } from '../core/session-grant.js';
import type { TokenResponse } from '../core/token-set.js';
import type { AnyTokenError } from '../errors.js';
import type { StartErrands } from './errand-host.js';
import type { Watcher } from './watcher.js';

export type { DpopKey, DpopKeys } from '../ports/keys.js';
export type { RefreshTokens } from '../ports/refresh.js';

/** Gives access tokens; all that an integration needs. */
export interface TokenSource {
  /**
   * The access token; at once while a usable one is there.
   *
   * Waits for one refresh where the token has expired: at most for the attempts of one refresh and the delays between them.
   *
   * @param options.signal Detaches this caller alone; rejects with the signal's own reason.
   * @param options.minValidityMs Asks for a token that lives at least that long from now, in milliseconds; one that
   * cannot exist gives the longest there is.
   * @throws {SessionError} nobody is signed in, or the session is over
   * @throws {RefreshError} there is no usable token for now; see `retryAt`
   */
  getAccessToken(options?: { signal?: AbortSignal | undefined; minValidityMs?: number | undefined }): Promise<string>;
  /**
   * Another access token than the one a server has just refused.
   *
   * Returned at once where there is another by now, so that a burst of 401s costs one refresh. A token of a session that
   * is over gets none of the session that came after it: `ERR_NO_SESSION`.
   *
   * @param rejected The refused access token.
   * @param options.challenge What the server asked for; passed on to the refresh function.
   * @throws as {@link TokenSource.getAccessToken}
   */
  replaceAccessToken(
    rejected: string,
    options?: { signal?: AbortSignal | undefined; challenge?: Challenge | undefined },
  ): Promise<string>;
  /** For integrations. */
  readonly [hooks]?: SourceHooks;
}

/** What integrations may ask the manager that takes time, or tells them of what does. */
export interface SourceHooks extends IntegrationHooks {
  /** Looks at the storage now; resolves when the session is up to date. Rejects after `dispose()` alone. */
  look?(): Promise<void>;
  /** As {@link TokenSource.replaceAccessToken}, for a request that went out with what was `present()` then. */
  replace?(
    rejected: string,
    sent: SentWith | undefined,
    options: Parameters<TokenSource['replaceAccessToken']>[1],
  ): Promise<string>;
  /** Starts the refreshes for other access tokens of the session; for `forResource`, which brings their code. */
  readonly startErrands?: StartErrands;
  /** Tells the watcher everything from now on; returns what stops that. Does not load the session. */
  watch?(watcher: Watcher): () => void;
}

/** `Symbol.dispose`, where the compiler's `lib` has it; elsewhere our declarations have to compile too. */
type DisposeKey = typeof Symbol extends { readonly dispose: infer Key extends symbol } ? Key : never;

/** The same as {@link TokenManager.dispose}, for `using`; there where the runtime knows `Symbol.dispose`. */
type ForUsing = { [Key in DisposeKey]: () => void };

/** Keeps one session: knows when its access token is due, and gets a new one exactly once. */
export interface TokenManager extends TokenSource, ForUsing {
  /**
   * Starts a session with the token response of a sign-in; replaces whatever session there was.
   *
   * Without an argument, where the refresh token is in a cookie: asks the endpoint now, and what it answers counts.
   *
   * Resolves when the session lives, in memory if the storage fails (`storageFailed` says so).
   *
   * @param grant Who granted the tokens, for the refresh and revoke functions; whether the session goes on. Kept with it.
   * @throws {OptionsError} `ERR_OPTIONS`: this is no token response, or no grant
   */
  startSession(tokens?: TokenResponse, grant?: SignInGrant): Promise<void>;
  /**
   * Ends the session here and tells the server, in the turn of the call; then in storage and in every peer.
   *
   * Resolves when nothing is left here, and does not wait for the server: `revokeFailed` and {@link TokenManager.settled}
   * tell what came of that. If the page is left meanwhile, the next page is signed out as well, where the
   * platform has marks that outlive a page; let `revoke` send its request with `keepalive`. Called before it is known who
   * is signed in, it ends the session that it finds in the storage, whoever's that is by then.
   *
   * @throws {StorageError | LockError} the storage could not be cleared yet; goes on trying
   */
  endSession(): Promise<void>;
  /**
   * Gets new tokens although the present ones are good, by a request that begins after this call.
   *
   * Calls at the same time share it, also those of other tabs. Asks before `retryAt` too, unless the server named that.
   *
   * @throws {LockError} others' refreshes came first, three times
   * @throws as {@link TokenSource.getAccessToken}
   */
  refresh(options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * Waits until it is known whether there is a session, or that it cannot be known now: then the snapshot has `error`.
   *
   * @throws {OptionsError} `ERR_DISPOSED`
   */
  ready(): Promise<SessionSnapshot>;
  /**
   * Waits until nothing is under way: refreshes, writes, repairs, revocations. For `waitUntil`, SIGTERM, `process.exit()`.
   *
   * Never rejects, and takes at most twice `timeoutMs` and 15 s.
   */
  settled(): Promise<void>;
  /** What a user interface shows; the same object until something changes, and without any token. */
  getSnapshot(): SessionSnapshot;
  /** Calls the listener after every change of the snapshot; returns an unsubscribe function. Loads the session. */
  subscribe(listener: () => void): () => void;
  /** Calls the listener on every event of this type; returns an unsubscribe function. */
  on<Type extends keyof TokenEvents>(type: Type, listener: (event: TokenEvents[Type]) => void): () => void;
  /** Lets go of timers, listeners and callers (`ERR_DISPOSED`); the session itself stays stored. */
  dispose(): void;
}

/** The session as a user interface sees it. */
export interface SessionSnapshot {
  /** `loading` until the storage was read; `active` while there is a session; `none` without one. */
  readonly status: 'loading' | 'none' | 'active';
  /** Random, no secret; the same in every peer until the session ends. */
  readonly sessionId: string | undefined;
  /** A refresh is under way. */
  readonly refreshing: boolean;
  /** Epoch milliseconds, just before the present access token was asked for. */
  readonly issuedAt: number | undefined;
  /** Epoch milliseconds; undefined while active: the server did not say. */
  readonly expiresAt: number | undefined;
  /** Epoch milliseconds at which the refresh token ends; undefined where the server did not say, as most do not. */
  readonly refreshExpiresAt: number | undefined;
  /** Epoch milliseconds; refreshing fails, and is not tried again before this moment. */
  readonly retryAt: number | undefined;
  /** Why refreshing fails, while it does; or why the session ended. */
  readonly error: AnyTokenError | undefined;
  /** The granted scopes. */
  readonly scopes: readonly string[];
  /** The claims of the ID token, unverified. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}
