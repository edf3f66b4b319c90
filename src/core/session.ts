import { type AnyTokenError, SessionError } from '../errors.js';
import type { Repeats } from './backoff.js';
import { failureError } from './failure-error.js';
import { reconcile, withLongerPause } from './reconcile.js';
import type { RefreshReason, TokenEvent, TokenEvents } from './session-events.js';
import {
  failureCount,
  isLater,
  isSameAccess,
  isSameSession,
  isSameTokenSet,
  type SessionRecord,
} from './session-record.js';

/** Refreshing fails; no attempt before `retryAt`. */
export interface Failing {
  readonly retryAt: number;
  /** The server named `retryAt`. */
  readonly named: boolean;
  readonly error: AnyTokenError;
  readonly repeats?: Repeats | undefined;
}

/** The state of a session; never mutated. `revision` counts changes of the token set. */
export type SessionState =
  /** The storage was not read yet, or cannot be read; or no request was made with the cookie yet. */
  | { readonly status: 'loading'; readonly revision: number; readonly failing?: Failing | undefined }
  /** Nobody is signed in; `error` says why, unless the application ended the session. */
  | {
      readonly status: 'none';
      readonly revision: number;
      readonly error?: AnyTokenError | undefined;
      /** The session that ended; its record may still be in the storage until the removal is done. */
      readonly endedId?: string | undefined;
    }
  | { readonly status: 'active'; readonly revision: number; readonly record: SessionRecord }
  | {
      readonly status: 'refreshing';
      readonly revision: number;
      readonly record: SessionRecord;
      readonly failing?: Failing | undefined;
    }
  /** The circuit breaker: open until `retryAt`, then one probe. */
  | {
      readonly status: 'waiting';
      readonly revision: number;
      readonly record: SessionRecord;
      readonly failing: Failing;
    };

/** Why a session ended. */
export type EndReason = TokenEvents['sessionEnded']['reason'];

/** An input of the state machine. An outcome carries `base`, its record at the start; it is dropped if the state has changed. */
export type SessionInput =
  /** The storage was read: a record, nothing, or a damaged one. `wasStored`: it contained the held session before. */
  | {
      readonly type: 'found';
      readonly record: SessionRecord | undefined;
      readonly wasStored: boolean;
      readonly error?: AnyTokenError | undefined;
    }
  | { readonly type: 'started'; readonly record: SessionRecord; readonly from: TokenEvents['sessionStarted']['from'] }
  | {
      readonly type: 'ended';
      readonly reason: EndReason;
      readonly error?: AnyTokenError | undefined;
      /** The attempt that led to this. */
      readonly own?: AttemptFacts | undefined;
    }
  | { readonly type: 'attempted'; readonly reason: RefreshReason; readonly attempt: number }
  | ({
      readonly type: 'refreshed';
      readonly base: SessionRecord;
      readonly record: SessionRecord;
      /** An errand for another target has changed the record. */
      readonly isErrand?: boolean;
    } & Omit<TokenEvents['refreshed'], 'at' | 'sessionId' | 'rotated' | 'expiresAt'>)
  | {
      readonly type: 'failed';
      readonly base: SessionRecord | undefined;
      /** The record that contains the failure; undefined if it was not written. */
      readonly record: SessionRecord | undefined;
      readonly failing: Failing;
      /** The same run makes another attempt after a delay. */
      readonly again: boolean;
      /** The attempt that failed; undefined where only the storage was read. */
      readonly own?: AttemptFacts | undefined;
      /** The failure of a peer was found in the storage. */
      readonly isPeers?: boolean;
    }
  /** The run gave up without an outcome. */
  | { readonly type: 'abandoned'; readonly own?: AttemptFacts | undefined }
  /** A token was requested while there was no session, and the client can get tokens by itself. */
  | { readonly type: 'reopened' };

/** What events report about one attempt. */
export interface AttemptFacts {
  readonly reason: RefreshReason;
  readonly attempt: number;
  readonly durationMs: number;
}

/** What the manager does after a transition, in this order. */
export type SessionEffect =
  /** Notify the peers, so that they read the storage. */
  | { readonly type: 'announce' }
  /** Callers who wait for a token of the old session get this error. */
  | { readonly type: 'refuse'; readonly error: AnyTokenError }
  | { readonly type: 'emit'; readonly event: TokenEvent };

/** The next state of a session, and the effects to carry out. */
export interface Transition {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** The record of the session, if there is one. */
export function recordOf(state: SessionState): SessionRecord | undefined {
  return 'record' in state ? state.record : undefined;
}

/** The last failure, while refreshing fails. */
export function failingOf(state: SessionState): Failing | undefined {
  return 'failing' in state ? state.failing : undefined;
}

/** The error for a caller who needs a session when there is none. */
export function noSession(state: SessionState): AnyTokenError {
  const error = 'error' in state ? state.error : undefined;
  return error instanceof SessionError
    ? error
    : new SessionError(
        'ERR_NO_SESSION',
        'Expected a session, but nobody is signed in: sign in and call startSession().',
      );
}

/** Applies an input to a state; pure. An outdated input changes nothing. */
export function transition(state: SessionState, input: SessionInput): Transition {
  const held = recordOf(state);
  switch (input.type) {
    case 'found':
      return found(state, input);
    case 'started':
      // a look at the storage was faster than the write that it saw
      if (held && isSameTokenSet(held, input.record)) return { state, effects: [announce] };
      return start(held ? end(state, 'replaced').effects : [], input.record, input.from, true);
    case 'ended': {
      const { state: next, effects } = end(state, input.reason, input.error);
      return { state: next, effects: [...effects, ...endWithout(held, input.own)] };
    }
    case 'attempted':
      // Without a session, the only request that makes sense is one with a cookie.
      if (state.status === 'none' && !/asked|resume/.test(input.reason)) return { state, effects: [] };
      return {
        state: held ? { status: 'refreshing', revision: state.revision, record: held } : state,
        effects: [emit('refreshStarted', { reason: input.reason, attempt: input.attempt }, held)],
      };
    case 'refreshed': {
      const { type, base, record, isErrand, ...facts } = input;
      // Where several hold the lock, an errand of a peer may have come to the same revision: with the access token of before.
      const isBeside = held && record.revision === held.revision && !isErrand && isSameAccess(held, base);
      if (!held || !isSameSession(held, base) || !(isBeside || isLater(record, held))) return { state, effects: [] };
      const announced = facts.by === 'us' ? [announce] : [];
      // An errand has moved the refresh token: the access token, and a refresh of it, go on as they were.
      if ((isErrand || facts.by === 'peer') && isSameAccess(record, held)) {
        const next = facts.by === 'peer' ? withLongerPause(record, held) : record;
        const isRefreshing = state.status === 'refreshing';
        return {
          state: isRefreshing ? { ...state, revision: next.revision, record: next } : live(next),
          effects: announced,
        };
      }
      const rotated = record.tokens.refreshToken !== base.tokens.refreshToken;
      return {
        state: live(record),
        effects: [...announced, emit('refreshed', { ...facts, rotated, expiresAt: record.tokens.expiresAt }, record)],
      };
    }
    case 'failed':
      return fail(state, input);
    case 'abandoned':
      return {
        state: state.status === 'refreshing' ? live(state.record) : state,
        effects: endWithout(held, input.own),
      };
    case 'reopened':
      return { state: held ? state : { status: 'loading', revision: state.revision }, effects: [] };
  }
}

type InputOf<Type extends SessionInput['type']> = Extract<SessionInput, { type: Type }>;

function found(state: SessionState, { record, wasStored, error }: InputOf<'found'>): Transition {
  const held = recordOf(state);
  const unchanged = { state, effects: [] };
  // A damaged record does not prove that the session ended; a buried record may be read until it is removed.
  const isBuried = state.status === 'none' && record?.sessionId === state.endedId;
  const standing = reconcile(held, record, { wasStored: wasStored && !error, isBuried });
  if (standing === 'neither') {
    if (held) return end(state, 'peer');
    return state.status === 'loading'
      ? { state: { status: 'none', revision: state.revision, error }, effects: [] }
      : unchanged;
  }
  if (!record) return unchanged;
  if (standing === 'found') {
    if (!held) return start([], record, state.status === 'loading' ? 'storage' : 'peer');
    if (!isSameSession(record, held)) return start(end(state, 'peer').effects, record, 'peer');
    const facts = { by: 'peer', reason: 'due', attempts: 0, durationMs: 0 } as const;
    return transition(state, { type: 'refreshed', base: held, record, ...facts });
  }
  const isNews = held && isSameTokenSet(record, held) && state.status !== 'refreshing' && isFailureNews(record, held);
  if (!isNews) return unchanged;
  return { state: live(isLater(held, record) ? { ...held, failure: record.failure } : record), effects: [] };
}

/** For two records with the same tokens: whether the found one contains a peer's failure that is to be taken over. */
function isFailureNews(found: SessionRecord, held: SessionRecord): boolean {
  return (
    found.failure?.retryAt !== held.failure?.retryAt &&
    failureCount(found) >= failureCount(held) && // fewer: the write of the last failure here did not succeed
    !(held.failure?.named && (found.failure?.retryAt ?? 0) < held.failure.retryAt) // the same for a `Retry-After`
  );
}

function start(
  effects: readonly SessionEffect[],
  record: SessionRecord,
  from: TokenEvents['sessionStarted']['from'],
  isOurs = false,
): Transition {
  return {
    state: live(record),
    effects: [...(isOurs ? [announce] : []), ...effects, emit('sessionStarted', { from }, record)],
  };
}

function end(state: SessionState, reason: EndReason, error?: AnyTokenError): Transition {
  const held = recordOf(state);
  const next: SessionState = { status: 'none', revision: state.revision + 1, error, endedId: held?.sessionId };
  const refusal: SessionEffect = { type: 'refuse', error: noSession(next) };
  // A sign-out emits `sessionEnded` later, when the session has been removed.
  const ended = held && reason !== 'ended' && emit('sessionEnded', { reason, ...(error && { error }) }, held);
  const isFound = reason === 'rejected' || reason === 'lost' || reason === 'expired';
  return { state: next, effects: [...(isFound ? [announce] : []), refusal, ...(ended ? [ended] : [])] };
}

/** The event that closes a reported refresh when there is no session to end. */
function endWithout(held: SessionRecord | undefined, own: AttemptFacts | undefined): readonly SessionEffect[] {
  if (held || !own) return [];
  return [emit('refreshFailed', { ...own, error: noSession({ status: 'none', revision: 0 }), again: false }, held)];
}

function fail(state: SessionState, { base, record, failing, again, own, isPeers }: InputOf<'failed'>): Transition {
  const held = recordOf(state);
  const { error, retryAt } = failing;
  const effects = own ? [emit('refreshFailed', { ...own, error, retryAt, again }, held)] : [];
  if (state.status === 'loading') return { state: { ...state, failing }, effects };
  if (state.status === 'none' && !base) return { state, effects };
  // The tokens of a peer that were presented may have become the held ones meanwhile.
  const isKnown = isSameTokenSet(held, base) || isSameTokenSet(held, record);
  // An errand may have changed the held record meanwhile.
  const isSame = held && base && isSameSession(held, base);
  if (!held || !(isKnown || (isSame && isSameAccess(held, base)))) {
    // Where a peer was faster, a `Retry-After` applies to its tokens as well.
    const next = isSame && record ? withLongerPause(held, record, true) : held;
    return { state: next && next !== held ? live(next) : state, effects: [] };
  }
  // What an errand has noted meanwhile stays, and so does the pause that is news.
  const kept = !record ? held : isLater(held, record) ? { ...held, failure: record.failure } : record;
  const { failure } = kept;
  // A failing storage or lock does not shorten the delay that the server's answer has set.
  const isShorter = !record && !again && failure !== undefined && failure.retryAt > failing.retryAt;
  return {
    state: isShorter
      ? live(kept)
      : { status: again ? 'refreshing' : 'waiting', revision: kept.revision, record: kept, failing },
    effects: own && !isPeers ? [announce, ...effects] : effects,
  };
}

// A stored failure delays the next attempt, also if a peer stored it.
function live(record: SessionRecord): SessionState {
  const { revision, failure } = record;
  if (!failure) return { status: 'active', revision, record };
  const { retryAt, named, repeats } = failure;
  return { status: 'waiting', revision, record, failing: { retryAt, named, repeats, error: failureError(failure) } };
}

const announce: SessionEffect = { type: 'announce' };

function emit<Type extends TokenEvent['type']>(
  type: Type,
  payload: Extract<TokenEvent, { type: Type }>['payload'],
  record: SessionRecord | undefined,
): SessionEffect {
  return { type: 'emit', event: { type, payload, sessionId: record?.sessionId } as TokenEvent };
}
