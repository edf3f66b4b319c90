import type { Challenge } from '../core/challenge.js';
import type { RefreshReason } from '../core/session-events.js';
import type { SessionRecord } from '../core/session-record.js';

/** What an attempt is about. */
export interface AttemptRequest {
  /** The session as this manager knew it when the attempt began; none when a cookie is asked about. */
  readonly base: SessionRecord | undefined;
  readonly reason: RefreshReason;
  readonly attempt: number;
  /** A cookie is asked whose it is: neither our tokens nor those in the storage are presented or taken over. */
  readonly isSignIn: boolean;
  readonly challenge: Challenge | undefined;
  /** Failures in a row, where there is no record to count them. */
  readonly failures: number;
}
