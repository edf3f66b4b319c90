import type { Challenge } from '../core/challenge.js';
import type { RefreshReason } from '../core/session-events.js';
import type { OtherAccess, Others, SessionRecord } from '../core/session-record.js';
import type { Target } from '../core/target.js';
import type { AnyTokenError } from '../errors.js';
import type { Settings } from './options.js';

/** A refresh for another access token than the session's own. */
export interface Errand {
  /** What the token is for, and the name under which the session keeps it. */
  readonly target: Target;
  readonly name: string;
  /** Follows the name of the attempt: what asks for another token is another request. */
  readonly suffix: string;
  readonly reason: RefreshReason;
  readonly attempt: number;
  readonly challenge?: Challenge | undefined;
  /** Whether this is what is wanted, so that nothing is asked: a peer was faster. */
  isMet(other: OtherAccess | undefined): boolean;
  /** All that the session has for other targets, with this. */
  keep(others: Others | undefined, other: OtherAccess): Others;
}

/** What one attempt of an errand came to. */
export type ErrandOutcome =
  /** `request`: it was asked for here, and not by a peer. */
  | { readonly kind: 'refreshed'; readonly record: SessionRecord; readonly request?: number | undefined }
  | {
      readonly kind: 'failed';
      readonly error: AnyTokenError;
      readonly retryAt: number;
      /** Another attempt soon may help. */
      readonly isPassing: boolean;
      /** It was refused as if the grant were over; whether it is, a refresh of the session itself has to tell. */
      readonly isDoubt?: boolean;
    }
  /** The session was ended, replaced or signed in to anew meanwhile. */
  | { readonly kind: 'ended' | 'replaced' | 'superseded' | 'lock-lost' };

/** What `forResource` needs of a manager. */
export interface ErrandDesk {
  readonly settings: Settings;
  /** The session, as soon as it is known; throws where there is none, or another than that of a refused access token. */
  session(signal: AbortSignal | undefined, rejected?: string): Promise<SessionRecord>;
  /** Waits for an errand that goes on by itself; rejects after `dispose()`, and when the signal aborts. */
  wait<T>(errand: Promise<T>, signal: AbortSignal | undefined): Promise<T>;
  /** One attempt of an errand for a session; its outcome has become that of the session. Never rejects. */
  run(errand: Errand, base: SessionRecord): Promise<ErrandOutcome>;
}
