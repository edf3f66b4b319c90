import { claimsOf } from '../core/challenge.js';
import { isUsable } from '../core/freshness.js';
import { isSameAccess, isSameSession, type SessionRecord } from '../core/session-record.js';
import { type AttemptOutcome, failureOfPeer } from './attempt-outcome.js';
import type { AttemptRequest } from './attempt-request.js';
import { chooseForErrand } from './errand-steps.js';
import type { Settings } from './options.js';
import { isPauseOver } from './pause.js';
import type { RecordStore } from './record-store.js';
import type { SessionStore } from './session-store.js';

/** The parts that a choice depends on. */
export interface ChoiceParts {
  readonly settings: Settings;
  readonly store: RecordStore;
  readonly session: SessionStore;
}

/** The record to go on with after the storage was read, or the outcome that makes asking needless. */
export function choose(
  { settings, store, session }: ChoiceParts,
  { base, reason, isSignIn, challenge, errand }: AttemptRequest,
  found: SessionRecord | undefined,
): { readonly current: SessionRecord | undefined } | AttemptOutcome {
  if (isSignIn) return { current: undefined };
  const standing = store.standing(base, found);
  if (standing === 'neither') return base ? { kind: 'replaced', record: undefined } : { current: undefined };
  // A failure of this manager's own may be published and not stored.
  const held = session.record?.failure;
  if (!found || !isSameSession(found, base)) {
    if (standing !== 'held') return { kind: 'replaced', record: found };
    return base && errand ? chooseForErrand(errand, base, settings, held) : { current: base };
  }
  const isNewer = standing === 'found';
  const isOlder = base !== undefined && found.revision < base.revision; // our last write failed
  if (errand) return chooseForErrand(errand, isOlder ? base : found, settings, held);
  // In a cookie, access tokens cannot be told apart, and a newer one counts.
  const rejected = reason === 'rejected' && !settings.isHidden ? base?.tokens.accessToken : undefined;
  const isRejected = found.tokens.accessToken === rejected;
  const claims = claimsOf(challenge);
  // An errand of a peer for another target has changed the record, and not the access token.
  const isNew = isNewer && !(base && isSameAccess(found, base));
  const isEnough = isNew && !isRejected && (claims === undefined || found.claims === claims);
  if (isEnough && isUsable(found.tokens, settings.platform.clock.now())) {
    return { kind: 'refreshed', by: 'peer', record: found };
  }
  const { failure } = found;
  const isNews = failure && !isPauseOver(settings, failure) && failure.retryAt !== base?.failure?.retryAt;
  if (isNews && (reason !== 'asked' || failure.named)) {
    return failureOfPeer(isOlder ? { ...base, failure } : found, failure);
  }
  return { current: isOlder ? base : found };
}
