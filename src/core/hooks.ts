import type { RequestRejection } from './session-events.js';

/**
 * Names the member through which an integration and the manager it was given talk, also across copies of the package.
 *
 * Not for applications: a `TokenSource` without it works, but emits no `requestRejected`.
 */
export const hooks: unique symbol = Symbol.for('evertoken.hooks') as never;

/** What an integration may tell and ask the manager. */
export interface IntegrationHooks {
  /** The request comes from inside the refresh function: it carries the refresh signal, or is being made right now. */
  isRefreshing(signal: unknown): boolean;
  /** Names the session that there is; undefined without one. */
  sessionId(): string | undefined;
  /** A server refused a request; `accessToken` is what it had carried. */
  reject(rejection: RequestRejection, accessToken: string): void;
}
