import type { SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import type { AttemptParts } from './attempt-parts.js';
import type { PendingCommands } from './pending-commands.js';
import type { PendingWork } from './pending-work.js';
import type { RefreshRun, RunObserver } from './refresh-run.js';
import type { Waiters } from './waiters.js';

/** The parts that refreshes need. */
export interface RefreshParts extends AttemptParts, RunObserver {
  readonly pending: PendingCommands;
  /** Callers who wait for the outcome of a refresh. */
  readonly callers: Waiters<SessionRecord>;
  readonly work: PendingWork;
  /** Errands under way, where there were any. */
  readonly errands: Pick<RefreshRun, 'detach'> | undefined;
  /** Tells the server that tokens are of no use to anybody. */
  revoke(tokens: TokenSet, of: SessionRecord | undefined): Promise<void>;
  /** The storage may hold a session that is not known here. */
  foundNewer(): void;
}
