import type { TokenEvent } from '../core/session-events.js';

/**
 * Is told everything about one manager, also what is no event: who waits, when a refresh is over, when the manager is.
 *
 * Called after the change, outside every lock, before the listeners of the application. What it throws is reported as
 * a listener's error is, and changes nothing.
 */
export interface Watcher {
  event(event: TokenEvent, at: number): void;
  /** A caller got no access token at once; called in that caller's own turn. May settle in the same turn all the same. */
  wait(outcome: Promise<unknown>): void;
  /** The refresh under way is over; what has come of it, where that is an event, follows in the same turn. */
  settled(): void;
  /** The last call. */
  disposed(): void;
}
