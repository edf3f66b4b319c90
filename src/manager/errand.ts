import type { SessionRecord, StoredFailure } from '../core/session-record.js';
import type { Target } from '../core/target.js';
import type { TokenSet } from '../core/token-set.js';
import type { AttemptOutcome } from './attempt-outcome.js';
import type { TokenFacts } from './unstored-tokens.js';

/** A refresh for another access token than the session's own: the steps in which an attempt of it differs. */
export interface Errand {
  /** More of the request. */
  readonly request: { readonly target: Target };
  /** Follows the name of the attempt: what asks for another token is another request. */
  readonly suffix: string;
  /** What the answer need not repeat, instead of what the session has. */
  readonly previous: Pick<TokenSet, 'scopes'>;
  /** The record to go on with after the storage was read, or the outcome that makes asking needless. */
  choose(current: SessionRecord, held: StoredFailure | undefined): { readonly current: SessionRecord } | AttemptOutcome;
  /** What an answer means for the session. */
  accept(
    current: SessionRecord,
    tokens: TokenSet,
    facts: TokenFacts,
  ): { readonly tokens: TokenSet; readonly facts: TokenFacts };
  /** Why the last errand for the same target failed. */
  failureOf(current: SessionRecord): StoredFailure | undefined;
  /** The record after a refusal; `after`: what it would be, were it one of the session itself. */
  refuse(before: SessionRecord, after: SessionRecord, failure: StoredFailure): SessionRecord;
}
