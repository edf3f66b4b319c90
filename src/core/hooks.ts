import type { RequestRejection } from './session-events.js';

/**
 * Names the member through which an integration and the manager it was given talk, also across copies of the package.
 *
 * Not for applications: a `TokenSource` without it works, but emits neither `requestRejected` nor `requestPassedOver`.
 */
export const hooks: unique symbol = Symbol.for('evertoken.hooks') as never;

/** The token set that a request went out with. */
export interface SentWith {
  readonly sessionId: string;
  readonly revision: number;
}

/** What an integration may tell and ask the manager. */
export interface IntegrationHooks {
  /** The request comes from inside the refresh function: it carries the refresh signal, or is being made right now. */
  isRefreshing(signal: unknown): boolean;
  /** A server refused a request; `accessToken` is what it had carried. */
  reject(rejection: RequestRejection, accessToken: string): void;
  /** A request went out without an access token, because its origin is not listed. */
  passOver?(origin: string): void;
  /** What time it is, and when the access token expires where that is known; epoch milliseconds. */
  life?(): { readonly now: number; readonly expiresAt: number | undefined };
  /** What a request goes out with now. Where access tokens are in a cookie, and all are `''`, it tells requests apart. */
  present?(): SentWith | undefined;
}
