import type { SessionRecord, StoredFailure } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import { type AttemptOutcome, failureOfPeer } from './attempt-outcome.js';
import type { Errand } from './errand.js';
import type { Settings } from './options.js';
import { isPauseOver } from './pause.js';
import type { TokenFacts } from './unstored-tokens.js';

/** The record to go on with, or the outcome that makes asking needless. */
export function chooseForErrand(
  errand: Errand,
  current: SessionRecord,
  settings: Settings,
  held: StoredFailure | undefined,
): { readonly current: SessionRecord } | AttemptOutcome {
  const other = current.others?.[errand.name];
  if (errand.isMet(other)) return { kind: 'refreshed', by: 'peer', record: current };
  const pause = [held, current.failure, other?.failure].find((one) => !isPauseOver(settings, one));
  return pause ? failureOfPeer(current, pause) : { current };
}

/** What an answer means: the session's refresh token and ID token go on, its access token and scopes stay as they are. */
export function acceptForErrand(
  errand: Errand,
  { tokens: kept, others, claims }: SessionRecord,
  { refreshToken, refreshExpiresAt, idToken, ...other }: TokenSet,
  facts: TokenFacts,
): { readonly tokens: TokenSet; readonly facts: TokenFacts } {
  return {
    tokens: { ...kept, refreshToken, refreshExpiresAt, idToken },
    facts: { ...facts, claims, others: errand.keep(others, { ...other, claims: facts.claims }) },
  };
}

/** The record after a refusal: the target waits, and the session goes on, unless the server named a pause for all. */
export function refuseErrand(
  errand: Errand,
  before: SessionRecord,
  after: SessionRecord,
  failure: StoredFailure,
): SessionRecord {
  const { name, keep } = errand;
  // A refusal may bring a new refresh token all the same.
  const hasMoved = after.revision !== before.revision;
  const now = { scopes: [], issuedAt: before.tokens.issuedAt, expiresAt: undefined };
  return {
    ...after,
    errands: (before.errands ?? 0) + Number(hasMoved),
    notes: hasMoved ? undefined : (before.notes ?? 0) + 1,
    // a server may have spent the refresh token before it looked at the resource
    unanswered: after.unanswered || failure.oauthError === 'invalid_target',
    others: before.others ?? {},
    ...(!failure.named && {
      failure: before.failure,
      others: keep(before.others, { ...(before.others?.[name] ?? now), failure }),
    }),
  };
}
