import { mayRetry } from '../../core/backoff.js';
import type { Challenge } from '../../core/challenge.js';
import { failureError, isPassing } from '../../core/failure-error.js';
import { markOf } from '../../core/mark-of.js';
import type { RefreshReason } from '../../core/session-events.js';
import type { OtherAccess, StoredFailure } from '../../core/session-record.js';
import { keepOther, type Target } from '../../core/target.js';
import type { Errand } from '../../manager/errand.js';
import type { ErrandHost } from '../../manager/errand-host.js';

/** An access token for another target, as it is wanted. */
export interface ErrandWish {
  /** What the token is for, and the name under which the session keeps it. */
  readonly target: Target;
  readonly name: string;
  readonly reason: RefreshReason;
  readonly attempt: number;
  readonly challenge?: Challenge | undefined;
  /** Whether this is what is wanted, so that nothing is asked: a peer was faster. */
  isMet(other: OtherAccess | undefined): boolean;
}

type Settings = ErrandHost['settings'];

/** Whether nothing may be asked yet. */
export function isHeld({ platform, retry }: Settings, failure: StoredFailure | undefined): boolean {
  return failure !== undefined && !mayRetry(failure, platform.clock.now(), retry);
}

/** How an attempt for a target goes. */
export function errandFor({ target, name, isMet }: ErrandWish, settings: Settings): Errand {
  const { clock } = settings.platform;
  return {
    request: { target },
    suffix: `.${(markOf(name) >>> 0).toString(36)}`,
    previous: { scopes: target.scopes ?? [] },
    choose: (current, held) => {
      const other = current.others?.[name];
      if (isMet(other)) return { kind: 'refreshed', by: 'peer', record: current };
      const pause = [held, current.failure, other?.failure].find((one) => isHeld(settings, one));
      if (!pause) return { current };
      const { retryAt, named, repeats } = pause;
      const error = failureError(pause);
      const isOwn = false;
      return { kind: 'failed', error, retryAt, named, repeats, record: current, isPassing: isPassing(pause), isOwn };
    },
    // The session's refresh token and ID token go on, its access token and scopes stay as they are.
    accept: ({ tokens: kept, others, claims }, { refreshToken, refreshExpiresAt, idToken, ...other }, facts) => ({
      tokens: { ...kept, refreshToken, refreshExpiresAt, idToken },
      facts: { ...facts, claims, others: keepOther(others, name, { ...other, claims: facts.claims }, clock.now()) },
    }),
    failureOf: ({ others }) => others?.[name]?.failure,
    // The target waits, and the session goes on, unless the server named a pause for all.
    refuse: (before, after, failure) => {
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
          others: keepOther(before.others, name, { ...(before.others?.[name] ?? now), failure }, clock.now()),
        }),
      };
    },
  };
}
