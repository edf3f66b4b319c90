import type { RequestRejection } from './session-events.js';
import type { GrantEndpoints, SessionGrant } from './session-grant.js';
import type { Others } from './session-record.js';

/**
 * Names the member that integrations use to call a manager, also across copies of the package.
 *
 * Not for applications: a `TokenSource` without it works, but emits neither `requestRejected` nor `requestPassedOver`.
 */
export const hooks: unique symbol = Symbol.for('evertoken.hooks') as never;

/** Marks a `fetch` that signs requests with the key of the session, also across copies of the package. */
export const signs: unique symbol = Symbol.for('evertoken.signs') as never;

/** A refresh request by which the refresh function can tell the manager something. */
export interface RequestWithHooks {
  readonly [hooks]?: {
    /** The endpoints have moved; they are stored together with the tokens that this request brings. */
    moved(endpoints: GrantEndpoints): void;
  };
}

/** The token set that a request went out with. */
export interface SentWith {
  readonly sessionId: string;
  readonly revision: number;
}

/** The calls of an integration to the manager. */
export interface IntegrationHooks {
  /** The request comes from inside the refresh function: it carries the refresh signal, or is being made right now. */
  isRefreshing(signal: unknown): boolean;
  /** A server refused a request that carried `accessToken`. */
  reject(rejection: RequestRejection, accessToken: string): void;
  /** A request went out without an access token, because its origin is not listed. */
  passOver?(origin: string): void;
  /** The current time, and when the access token expires if that is known; both in epoch milliseconds. */
  life?(): { readonly now: number; readonly expiresAt: number | undefined };
  /** The token set that a request is sent with now. Needed in cookie mode, where every access token is `''`. */
  present?(): SentWith | undefined;
  /** The name of the key that an access token of ours, also a past one, is bound to; undefined: none, or not ours. */
  bindingOf?(accessToken: string): string | undefined;
  /** The key that a session is bound to is gone, as an error of {@link keyGone} says. */
  lose?(error: unknown): void;
  /** The `key` of the manager: what follows `evertoken:` in the names of storage, lock and channel. */
  readonly key?: string;
  /** The last ID token of the session, expired or not. */
  idToken?(): string | undefined;
  /** What the session has for other targets, by their names. */
  others?(): Others | undefined;
  /** Who granted the session, and to which key, as far as that was told. */
  grant?(): SessionGrant | undefined;
}
