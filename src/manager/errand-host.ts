import type { SessionInput } from '../core/session.js';
import type { TokenEvent } from '../core/session-events.js';
import type { SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import type { AttemptOutcome } from './attempt-outcome.js';
import type { AttemptRequest } from './attempt-request.js';
import type { Settings } from './options.js';
import type { PendingCommands } from './pending-commands.js';
import type { PendingWork } from './pending-work.js';
import type { RefreshRun } from './refresh-run.js';
import type { TokenMarks } from './token-marks.js';

/** What a manager has for errands. */
export interface ErrandHost {
  readonly settings: Settings;
  readonly session: { readonly record: SessionRecord | undefined; dispatch(input: SessionInput): void };
  readonly pending: Pick<PendingCommands, 'isStarting' | 'callers'>;
  readonly work: Pick<PendingWork, 'track'>;
  readonly marks: Pick<TokenMarks, 'add'>;
  /** The session, as soon as it is known; throws where there is none, or another than that of a refused access token. */
  known(signal: AbortSignal | undefined, rejected?: string): Promise<SessionRecord>;
  /** Whether work that gave its last sign of life then may still go on; dead work is left to itself. */
  isAlive(at: number): boolean;
  /** One attempt at the lock, beside the refreshes of the session; never rejects, and nothing of it is published. */
  attempt(request: AttemptRequest): { readonly run: RefreshRun; readonly outcome: Promise<AttemptOutcome> };
  emit(event: TokenEvent): void;
  /** Tells the server that tokens are of no use to anybody. */
  revoke(tokens: TokenSet, of: SessionRecord | undefined): Promise<void>;
  /** Waits for work that goes on by itself; rejects after `dispose()`, and when the signal aborts. */
  track(work: Promise<void>, signal?: AbortSignal): Promise<void>;
  /** Tells watchers of a caller who is not served at once. */
  waited<T>(outcome: Promise<T>): Promise<T>;
}

/** The errands of a manager, as it knows them. */
export interface Errands {
  /** Lets go of the attempts under way; resolves with the tokens that one of them brings all the same. */
  detach(): Promise<TokenSet | undefined>;
  /** From now on nothing is asked any more; what was asked is still stored. */
  dispose(): void;
}

/** Makes the errands of a manager, of which there is one: they take turns. Without `forResource` it is not even there. */
export type StartErrands = <Started extends Errands>(start: (host: ErrandHost) => Started) => Started;
