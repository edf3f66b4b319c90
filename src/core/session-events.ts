import type { AnyTokenError } from '../errors.js';
import type { Challenge } from './challenge.js';

/** Why a refresh happens: `due` ahead of expiry, `expired`, `rejected` by a server, `asked` for by `refresh()`, `resume` of a cookie session, or a first one without a refresh token. */
export type RefreshReason = 'due' | 'expired' | 'rejected' | 'asked' | 'resume';

/** What happened, without any token; see {@link TokenManager.on}. */
export interface TokenEvents {
  /** A session lives: after a sign-in, found in storage, from a cookie or the client's own grant, or taken over from a peer. */
  sessionStarted: Fact & { readonly from: 'sign-in' | 'storage' | 'cookie' | 'grant' | 'peer' };
  /**
   * An attempt of a refresh is about to ask the server, unless a peer turns out to have done so.
   *
   * Always followed by its end: `refreshed`, `refreshFailed` or `sessionEnded`; where there was no session yet (a cookie is
   * asked about), also `sessionStarted`. No event is emitted after `dispose()`.
   */
  refreshStarted: Fact & { readonly reason: RefreshReason; readonly attempt: number } & Errand;
  /** There are new tokens, which have been stored. */
  refreshed: Fact & {
    readonly by: 'us' | 'peer';
    readonly reason: RefreshReason;
    /** The refresh token changed. */
    readonly rotated: boolean;
    readonly attempts: number;
    readonly durationMs: number;
    readonly expiresAt: number | undefined;
  } & Errand;
  /** One attempt failed, here or in a peer; the session is kept, or there is none (`ERR_NO_SESSION`). */
  refreshFailed: Fact & {
    readonly error: AnyTokenError;
    readonly reason: RefreshReason;
    readonly attempt: number;
    readonly durationMs: number;
    /** Epoch milliseconds of the next attempt. */
    readonly retryAt?: number;
    /** Another attempt of this refresh follows by itself, at `retryAt`. */
    readonly again: boolean;
  } & Errand;
  /** A server refused a request; from `createFetch`. */
  requestRejected: Fact & RequestRejection;
  /** A request went out without an access token, because its origin is not listed; once per origin, from `createFetch`. */
  requestPassedOver: Fact & { readonly origin: string };
  /** The storage failed; the session lives on in memory. */
  storageFailed: Fact & { readonly operation: 'read' | 'write' | 'remove'; readonly error: AnyTokenError };
  /** The revoke function failed; the session is over all the same. */
  revokeFailed: Fact & { readonly error: AnyTokenError };
  /** The session is over. */
  sessionEnded: Fact & {
    /** `expired`: the access token is over, and there is no refresh token. */
    readonly reason: 'ended' | 'rejected' | 'lost' | 'expired' | 'peer' | 'replaced';
    readonly error?: AnyTokenError;
  };
}

interface Errand {
  /** The name of the target, where the refresh was for another access token than the session's own (`forResource`). */
  readonly target?: string;
}

interface Fact {
  /** Epoch milliseconds. */
  readonly at: number;
  /** The session it is about, where there is one. */
  readonly sessionId: string | undefined;
}

/** What a server said when it refused a request. */
export interface RequestRejection {
  /** 401, or 403 with a challenge that asks for more, or whatever `rejected` takes for a refusal. */
  readonly status: number;
  /** Scheme, host and port of the server. */
  readonly origin: string;
  /** The challenges of its `WWW-Authenticate` header, without any part of a token. */
  readonly challenges: readonly Challenge[];
  /** The refused request was a replay already. */
  readonly replayed: boolean;
}

/** One event, with its type. */
export type TokenEvent = {
  [Type in keyof TokenEvents]: {
    readonly type: Type;
    readonly payload: Omit<TokenEvents[Type], 'at' | 'sessionId'>;
    readonly sessionId: string | undefined;
  };
}[keyof TokenEvents];
