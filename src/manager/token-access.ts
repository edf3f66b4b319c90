import { mayRetry } from '../core/backoff.js';
import { freshness, isUsable, outlives } from '../core/freshness.js';
import { noSession, recordOf, type SessionState } from '../core/session.js';
import type { SessionRecord } from '../core/session-record.js';
import { isTokenError, OptionsError, SessionError } from '../errors.js';
import type { Exchange } from './exchange.js';
import type { Looker } from './looker.js';
import type { Settings } from './options.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import type { TokenManager } from './token-manager.js';
import { abortReason, type WaitingRoom } from './waiting-room.js';

/** The three ways to ask for tokens. */
export type TokenAccess = Pick<TokenManager, 'getAccessToken' | 'replaceAccessToken' | 'refresh'>;

/** What they work on. */
export interface AccessContext {
  readonly settings: Settings;
  readonly store: SessionStore;
  readonly looker: Looker;
  readonly refresher: Refresher;
  readonly exchange: Exchange;
  readonly room: WaitingRoom<SessionRecord>;
  /** When a refresh of the present token set is due, in epoch milliseconds. */
  dueAt(): number;
  /** A wake-up lets one probe through before its time. */
  mayProbe(): boolean;
  /** Throws after `dispose()`; loads at first use. */
  use(): void;
}

type Live = Extract<SessionState, { record: SessionRecord }>;

export function createTokenAccess(context: AccessContext): TokenAccess {
  const { room, refresher } = context;
  const { clock } = context.settings.platform;

  const access: TokenAccess = {
    getAccessToken: async ({ signal, minValidityMs = 0 } = {}) => {
      if (!(minValidityMs >= 0)) {
        throw new OptionsError('ERR_OPTIONS', 'Option minValidityMs: expected a number of at least 0.');
      }
      await ready(signal, context);
      const state = live(context);
      if (!state) return (await room.join(signal)).tokens.accessToken;
      const { tokens } = state.record;
      const now = clock.now();
      const worth = freshness(tokens, context.dueAt(), now);
      const usable = worth !== 'expired';
      if (usable && outlives(tokens, context.dueAt(), now, minValidityMs)) {
        if (worth === 'stale' && isClosed(state, now, context) && now >= refresher.quietUntil) refresher.start('due');
        return tokens.accessToken;
      }
      try {
        return await joinRefresh(state, usable ? 'due' : 'expired', { signal }, context);
      } catch (error) {
        // a usable token, though not as long-lived as was asked for, beats none
        const isFault = isTokenError(error) && !(error instanceof SessionError || error instanceof OptionsError);
        const isOurs = recordOf(context.store.state)?.sessionId === state.record.sessionId;
        if (usable && isFault && isOurs && isUsable(tokens, clock.now())) return tokens.accessToken;
        throw error;
      }
    },
    replaceAccessToken: async (rejected, options = {}) => {
      await ready(options.signal, context);
      const state = live(context);
      if (!state) return (await room.join(options.signal)).tokens.accessToken;
      const { tokens } = state.record;
      if (tokens.accessToken === rejected) {
        // a refresh under way may have begun before the rejected token came, and end with it
        const isJoined = refresher.isRunning;
        const token = await joinRefresh(state, 'rejected', options, context);
        return token === rejected && isJoined ? access.replaceAccessToken(rejected, options) : token;
      }
      return isUsable(tokens, clock.now()) ? tokens.accessToken : joinRefresh(state, 'expired', options, context);
    },
    refresh: async (options = {}) => {
      await ready(options.signal, context);
      const state = live(context);
      if (state) await joinRefresh(state, 'asked', options, context);
      else await room.join(options.signal);
    },
  };
  return access;
}

/** Waits until the session is known, or a cookie is being asked about. */
async function ready(signal: AbortSignal | undefined, { store, looker, refresher, use }: AccessContext): Promise<void> {
  use();
  if (signal?.aborted) throw abortReason(signal);
  if (looker.isGating || (store.state.status === 'loading' && !refresher.isRunning)) {
    void looker.look(true);
    await looker.gate.join(signal);
  }
}

/** The session, read in the same turn that acts on it; undefined while a cookie is being asked about. */
function live({ store: { state }, refresher, use }: AccessContext): Live | undefined {
  use();
  if ('record' in state) return state;
  if (state.status === 'loading' && refresher.isRunning) return undefined;
  throw ('failing' in state && state.failing?.error) || noSession(state);
}

/** Waits for the refresh under way, or for one that starts now; refused while refreshing fails. */
async function joinRefresh(
  state: Live,
  reason: 'due' | 'expired' | 'rejected' | 'asked',
  { signal, challenge }: NonNullable<Parameters<TokenManager['replaceAccessToken']>[1]>,
  context: AccessContext,
): Promise<string> {
  const { exchange, refresher, room, settings } = context;
  if (exchange.isInside(signal)) {
    const message =
      'The refresh function asked for an access token, which waits for that same refresh: use the request it was given, and pass its signal on.';
    throw new OptionsError('ERR_OPTIONS', message);
  }
  const isProbe = reason === 'asked' && !(state.status === 'waiting' && state.failing.named);
  if (!isProbe && !isClosed(state, settings.platform.clock.now(), context) && state.status === 'waiting') {
    throw state.failing.error;
  }
  const outcome = room.join(signal);
  refresher.start(reason, challenge);
  return (await outcome).tokens.accessToken;
}

/** The circuit breaker is closed, its time is over, or a wake-up lets a probe through. */
function isClosed(state: Live, now: number, { mayProbe, settings }: AccessContext): boolean {
  if (state.status !== 'waiting') return true;
  const { failing } = state;
  return mayRetry(failing, now, settings.retry) || (!failing.named && mayProbe());
}
