import type { DueEntry } from '../core/due.js';
import type { LanePause } from '../core/lane.js';

/** An entry as it is claimed. */
export interface ClaimedEntry extends DueEntry {
  /** The key of the session, as in the manager's options. */
  readonly key: string;
  /** Epoch milliseconds of the last use that was noted; when the entry was made, if there was none since. */
  readonly usedAt: number;
}

/** The figures of one lane. */
export interface LaneCounts {
  readonly lane: string;
  /** Sessions with an entry. */
  readonly total: number;
  /** Of these, how many may be claimed now. */
  readonly due: number;
  /** Of the due ones that are in use, how many have an expired access token. */
  readonly overdue: number;
  /** How long the one that is overdue longest has been, in milliseconds; 0 where none is. */
  readonly oldestOverdueMs: number;
  /** Sessions whose access token has expired and whose refreshing fails. */
  readonly attention: number;
  readonly paused?: LanePause | undefined;
}

/** A session that its provider has ended. */
export interface EndedSession {
  readonly key: string;
  readonly lane: string;
  /** As in the event `sessionEnded`: `rejected`, `lost` or `expired`. */
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * Which sessions are to be refreshed when; a hint beside the records, which can be rebuilt from them.
 *
 * Every method may return a promise; one that rejects is tried again by the caller. Checked by `dueIndexContract` of
 * `evertoken/testing`.
 */
export interface DueIndex {
  /** Adds the entry of a session, or replaces it; when it was last used is kept. */
  put(key: string, entry: DueEntry): unknown;
  /** The entry of a session. */
  get(key: string): ClaimedEntry | undefined | PromiseLike<ClaimedEntry | undefined>;
  /** Notes that sessions were in use at a moment (epoch milliseconds); those without an entry are skipped. */
  touch(keys: readonly string[], at: number): unknown;
  /** Removes the entry; with `ended`, puts the session onto the list of the ended ones in the same step. */
  remove(key: string, ended?: { reason: string; at: number }): unknown;
  /**
   * Up to `limit` entries of a lane that are due, each moved to `forMs` milliseconds from now in the same step.
   *
   * First those that are urgent, then those in use (see `hotForMs`) by expiry, then the others.
   */
  claim(lane: string, options: { limit: number; forMs: number; hotForMs?: number }): Promise<readonly ClaimedEntry[]>;
  /** Replaces the pause of a lane for all processes. */
  pause(lane: string, pause: LanePause): unknown;
  /** The figures of one lane, or of all. */
  look(lane?: string): Promise<readonly LaneCounts[]>;
  /** Up to `limit` sessions that ended and were not acknowledged, oldest first. */
  ended(limit: number): Promise<readonly EndedSession[]>;
  /** Takes sessions off the list of the ended ones. */
  acknowledge(keys: readonly string[]): unknown;
  /** Up to `limit` sessions that need attention; see `LaneCounts.attention`. */
  attention(limit: number): Promise<readonly ClaimedEntry[]>;
}
