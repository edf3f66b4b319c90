import { claimsOf } from '../core/challenge.js';
import { isUsable } from '../core/freshness.js';
import {
  isLater,
  isSameAccess,
  isSameSession,
  type SessionRecord,
  type StoredFailure,
} from '../core/session-record.js';
import { type AttemptOutcome, failureOfPeer } from './attempt-outcome.js';
import type { AttemptRequest } from './attempt-request.js';
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

/**
 * The record to go on with after the storage was read, or the outcome that makes asking needless.
 *
 * `wasStored`: whether the storage was known to hold the session when it was asked; a late write may come through since.
 */
export function choose(
  { settings, store, session }: ChoiceParts,
  { base, reason, isSignIn, challenge, errand, known }: AttemptRequest,
  found: SessionRecord | undefined,
  wasStored?: boolean,
): { readonly current: SessionRecord | undefined } | AttemptOutcome {
  if (isSignIn) return { current: undefined };
  const standing = store.standing(base, found, wasStored);
  if (standing === 'neither') return base ? { kind: 'replaced', record: undefined } : { current: undefined };
  // A failure of this manager's own may be published and not stored.
  const held = [base?.failure, session.record?.failure].find((failure) => !isPauseOver(settings, failure));
  const isNews = (failure: StoredFailure | undefined) =>
    !isPauseOver(settings, failure) &&
    failure?.retryAt !== known?.retryAt &&
    (reason !== 'asked' || failure?.named === true);
  if (!found || !isSameSession(found, base)) {
    if (standing !== 'held') return { kind: 'replaced', record: found };
    if (base && errand) return errand.choose(base, held);
    return base && held && isNews(held) ? failureOfPeer({ ...base, failure: held }, held) : { current: base };
  }
  const isNewer = standing === 'found';
  const isOlder = base !== undefined && isLater(base, found); // our last write failed
  if (errand) {
    const pause = [errand.failureOf(found), found.failure, held].find((failure) => !isPauseOver(settings, failure));
    return errand.choose(isOlder ? base : found, pause);
  }
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
  const failure = [found.failure, held].find(isNews);
  if (failure) return failureOfPeer({ ...(isOlder ? base : found), failure }, failure);
  return { current: isOlder ? base : found };
}
