import { isUsable } from '../core/freshness.js';
import { noSession, type SessionState } from '../core/session.js';
import type { SessionRecord } from '../core/session-record.js';
import { SessionError } from '../errors.js';
import type { Exchange } from './exchange.js';
import type { Settings } from './options.js';
import type { PendingCommands } from './pending-commands.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import type { StorageReader } from './storage-reader.js';
import { abortReason, type Waiters } from './waiters.js';

/** The parts that know of the session. */
export interface LiveParts {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly exchange: Exchange;
  readonly pending: PendingCommands;
  readonly refresher: Refresher;
  readonly reader: StorageReader;
  /** Callers who wait for the outcome of a refresh. */
  readonly callers: Waiters<SessionRecord>;
  /** Loads at first use; throws after `dispose()`. */
  activate(): void;
}

/** A session that there is. */
export type LiveSession = Extract<SessionState, { record: SessionRecord }>;

/**
 * Waits until the session is known, or a cookie is being asked about.
 *
 * @param validityMs How long the token held here has to live to be of use; infinite: a new one is asked for.
 */
export async function whenKnown(parts: LiveParts, signal: AbortSignal | undefined, validityMs = 0): Promise<void> {
  const { settings, session, refresher, reader, pending, exchange } = parts;
  parts.activate();
  if (signal?.aborted) throw abortReason(signal);
  const { ends } = pending;
  const { record } = session;
  const usedUntil = settings.platform.clock.now() + validityMs;
  const isServed = record && validityMs < Number.POSITIVE_INFINITY && isUsable(record.tokens, usedUntil);
  // Whoever asks beside a sign-in and cannot be served waits for it; the refresh function would wait for itself.
  const isBeside = () => pending.isStarting && !isServed && !exchange.isInside(signal);
  const wasBeside = isBeside();
  if (wasBeside) await pending.callers.wait(signal);
  // A client that is granted tokens by itself is never signed out for good.
  if (settings.isGrant && session.state.status === 'none' && !pending.isErasing) {
    session.dispatch({ type: 'reopened' });
  }
  const isUnknown = session.state.status === 'loading' && !refresher.isRunning;
  if (!reader.isBlocking && isUnknown) void reader.read(true);
  const isOutdated = !reader.isBlocking && reader.isOutdated;
  if (isOutdated && !reader.isReading) void reader.read(false); // does not block other callers: a session may start meanwhile
  if (reader.isBlocking || isOutdated) await reader.wait(signal);
  // Signed out meanwhile: what has begun since is not what was asked for.
  if (pending.ends !== ends) throw noSession({ status: 'none', revision: 0 });
  if (wasBeside && isBeside()) await whenKnown(parts, signal, validityMs); // another sign-in has begun since
}

/** The session, read in the same turn that acts on it; undefined while a cookie is being asked about. */
export function requireSession(parts: LiveParts): LiveSession | undefined {
  parts.activate();
  const { session, refresher } = parts;
  const { state } = session;
  if ('record' in state) return state;
  if (state.status === 'loading' && refresher.isRunning) return undefined;
  throw session.failing?.error ?? noSession(state);
}

/** The error for a caller whose access token was of a session before the present one. */
export function pastSession(): SessionError {
  const message =
    'The session of the refused access token is over, and another one has begun: ask again for its token.';
  return new SessionError('ERR_NO_SESSION', message);
}
