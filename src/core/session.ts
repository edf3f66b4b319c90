import type { AnyTokenError } from '../errors.js';
import { SessionError } from '../errors.js';
import type { Repeats } from './backoff.js';
import { failureError } from './failure-error.js';
import { reconcile } from './reconcile.js';
import type { RefreshReason, TokenEvent, TokenEvents } from './session-events.js';
import { failureCount, isSameSession, isSameTokenSet, type SessionRecord } from './session-record.js';

/** Refreshing fails; not before `retryAt`. */
export interface Failing {
  readonly retryAt: number;
  /** The server named `retryAt`. */
  readonly named: boolean;
  readonly error: AnyTokenError;
  readonly repeats?: Repeats | undefined;
}

/** Where a session stands. `revision` counts changes of the token set; a state is never mutated. */
export type SessionState =
  /** Storage not read yet, or not readable, or the cookie not asked about. */
  | { readonly status: 'loading'; readonly revision: number; readonly failing?: Failing | undefined }
  /** Nobody is signed in; `error` says why, where that is not what somebody asked for. */
  | {
      readonly status: 'none';
      readonly revision: number;
      readonly error?: AnyTokenError | undefined;
      /** The session that ended; its record may still be seen until it is erased. */
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

/** A fact for the session. An outcome carries the record it began with, `base`; if the state moved on, it is dropped. */
export type SessionInput =
  /** The storage was read: a record, nothing, or a damaged one. `wasStored`: it is known to have held our session. */
  | {
      readonly type: 'found';
      readonly record: SessionRecord | undefined;
      readonly wasStored: boolean;
      readonly error?: AnyTokenError | undefined;
    }
  | { readonly type: 'started'; readonly record: SessionRecord; readonly from: 'sign-in' | 'cookie' | 'grant' }
  | {
      readonly type: 'ended';
      readonly reason: EndReason;
      readonly error?: AnyTokenError | undefined;
      /** The attempt that has found it out. */
      readonly own?: AttemptFacts | undefined;
    }
  | { readonly type: 'attempted'; readonly reason: RefreshReason; readonly attempt: number }
  | ({ readonly type: 'refreshed'; readonly base: SessionRecord; readonly record: SessionRecord } & Omit<
      TokenEvents['refreshed'],
      'at' | 'sessionId' | 'rotated' | 'expiresAt'
    >)
  | {
      readonly type: 'failed';
      readonly base: SessionRecord | undefined;
      /** The record with the failure in it, as far as it could be stored. */
      readonly record: SessionRecord | undefined;
      readonly failing: Failing;
      /** The run goes on after a delay. */
      readonly again: boolean;
      /** The attempt that failed; undefined where only the storage was read. */
      readonly own?: AttemptFacts | undefined;
      /** The failure is a peer's, and was found in the storage. */
      readonly isPeers?: boolean;
    }
  /** The run gave up without an outcome. */
  | { readonly type: 'abandoned'; readonly own?: AttemptFacts | undefined }
  /** Somebody asks where nobody was signed in, and the client may ask for tokens of its own. */
  | { readonly type: 'reopened' };

/** What events tell of one attempt. */
export interface AttemptFacts {
  readonly reason: RefreshReason;
  readonly attempt: number;
  readonly durationMs: number;
}

/** What has to be done after a transition, in this order. */
export type SessionEffect =
  /** Tell the peers to look at the storage. */
  | { readonly type: 'announce' }
  /** Callers who wait for a token of the old session get this error. */
  | { readonly type: 'refuse'; readonly error: AnyTokenError }
  | { readonly type: 'emit'; readonly event: TokenEvent };

/** The next state of a session, and what has to be done about it. */
export interface Transition {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** The record of a session that lives. */
export function recordOf(state: SessionState): SessionRecord | undefined {
  return 'record' in state ? state.record : undefined;
}

/** Why refreshing fails, while it does. */
export function failingOf(state: SessionState): Failing | undefined {
  return 'failing' in state ? state.failing : undefined;
}

/** What a caller is told who needs a session where there is none. */
export function noSession(state: SessionState): AnyTokenError {
  const error = state.status === 'none' ? state.error : undefined;
  return error instanceof SessionError
    ? error
    : new SessionError(
        'ERR_NO_SESSION',
        'Expected a session, but nobody is signed in: sign in and call startSession().',
      );
}

/** Applies a fact to a state; pure. A fact that no longer fits changes nothing. */
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
      // with nobody signed in, only a cookie may be asked about
      if (state.status === 'none' && !/asked|resume/.test(input.reason)) return { state, effects: [] };
      return {
        state: held ? { status: 'refreshing', revision: state.revision, record: held } : state,
        effects: [emit('refreshStarted', { reason: input.reason, attempt: input.attempt }, held)],
      };
    case 'refreshed': {
      const { type, base, record, ...facts } = input;
      if (!held || !isSameSession(held, base) || record.revision <= held.revision) return { state, effects: [] };
      const rotated = record.tokens.refreshToken !== base.tokens.refreshToken;
      return {
        state: live(record),
        effects: [
          ...(facts.by === 'us' ? [announce] : []),
          emit('refreshed', { ...facts, rotated, expiresAt: record.tokens.expiresAt }, record),
        ],
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
  // damage proves no end; the record of a session that ended here may be seen until it is erased
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
  return isNews ? { state: live(record), effects: [] } : unchanged;
}

/** Of two records with the same tokens: whether the one that was found tells a failure of a peer that counts for all. */
function isFailureNews(found: SessionRecord, held: SessionRecord): boolean {
  return (
    found.failure?.retryAt !== held.failure?.retryAt &&
    failureCount(found) >= failureCount(held) && // fewer: our last failure could not be stored
    !(held.failure?.named && (found.failure?.retryAt ?? 0) < held.failure.retryAt) // nor could what the server said
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
  // a sign-out tells so itself, when nothing of the session is left
  const ended = held && reason !== 'ended' && emit('sessionEnded', { reason, ...(error && { error }) }, held);
  const isFound = reason === 'rejected' || reason === 'lost' || reason === 'expired';
  return { state: next, effects: [...(isFound ? [announce] : []), refusal, ...(ended ? [ended] : [])] };
}

/** What follows a refresh that was told of, where no session is there to end. */
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
  // tokens of a peer that were presented may have been taken over meanwhile
  if (!held || !(isSameTokenSet(held, base) || isSameTokenSet(held, record))) return { state, effects: [] };
  const kept = record ?? held;
  const { failure } = kept;
  // a storage or a lock that fails does not shorten what the server's answer has told us to wait
  const isShorter = !record && !again && failure !== undefined && failure.retryAt > failing.retryAt;
  return {
    state: isShorter
      ? live(kept)
      : { status: again ? 'refreshing' : 'waiting', revision: kept.revision, record: kept, failing },
    effects: own && !isPeers ? [announce, ...effects] : effects,
  };
}

// A stored failure makes a session wait, also one that was found in storage.
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
