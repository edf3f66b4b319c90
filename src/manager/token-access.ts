import { freshness, isUsable, outlives } from '../core/freshness.js';
import { failingOf, noSession, recordOf, type SessionState } from '../core/session.js';
import type { SessionRecord } from '../core/session-record.js';
import { isTokenError, OptionsError, SessionError } from '../errors.js';
import { type Engine, mayAsk } from './engine.js';
import { isInside } from './exchange.js';
import { check, joinRoom } from './lifetime.js';
import { joinGate, look } from './looker.js';
import { startRefresh } from './refresher.js';
import type { TokenManager } from './token-manager.js';
import { isOutlived } from './token-marks.js';
import { abortReason } from './waiting-room.js';

type Live = Extract<SessionState, { record: SessionRecord }>;
type AskOptions = NonNullable<Parameters<TokenManager['replaceAccessToken']>[1]>;

/** The access token, whatever it takes. */
export async function getAccessToken(
  engine: Engine,
  { signal, minValidityMs = 0 }: NonNullable<Parameters<TokenManager['getAccessToken']>[0]> = {},
): Promise<string> {
  const { clock } = engine.settings.platform;
  if (!(minValidityMs >= 0)) {
    throw new OptionsError('ERR_OPTIONS', 'Option minValidityMs: expected a number of at least 0.');
  }
  await ready(engine, signal);
  const state = live(engine);
  if (!state) return resumed(engine, signal);
  const { tokens } = state.record;
  const now = clock.now();
  const worth = freshness(tokens, engine.dueAt, now);
  const usable = worth !== 'expired';
  if (usable && outlives(tokens, engine.dueAt, now, minValidityMs)) {
    const isQuiet = !mayAsk(engine, { retryAt: engine.quietUntil, named: false });
    if (worth === 'stale' && isClosed(engine, state) && !isQuiet) startRefresh(engine, 'due');
    return tokens.accessToken;
  }
  try {
    return await joinRefresh(engine, state, usable ? 'due' : 'expired', { signal });
  } catch (error) {
    // a usable token, though not as long-lived as was asked for, beats none
    const isFault = isTokenError(error) && !(error instanceof SessionError || error instanceof OptionsError);
    const isOurs = recordOf(engine.state)?.sessionId === state.record.sessionId;
    if (usable && isFault && isOurs && isUsable(tokens, clock.now())) return tokens.accessToken;
    throw error;
  }
}

/** Another access token than the one that was refused. */
export async function replaceAccessToken(engine: Engine, rejected: string, options: AskOptions = {}): Promise<string> {
  await ready(engine, options.signal);
  const state = live(engine);
  if (isOutlived(engine, rejected)) {
    const message =
      'The session of the refused access token is over, and another one has begun: ask again for its token.';
    throw new SessionError('ERR_NO_SESSION', message);
  }
  if (!state) return resumed(engine, options.signal);
  const { tokens } = state.record;
  if (tokens.accessToken === rejected) {
    // a refresh under way may have begun before the rejected token came, and end with it
    const isJoined = engine.run !== undefined;
    const token = await joinRefresh(engine, state, 'rejected', options);
    return token === rejected && isJoined ? replaceAccessToken(engine, rejected, options) : token;
  }
  const isGood = isUsable(tokens, engine.settings.platform.clock.now());
  return isGood ? tokens.accessToken : joinRefresh(engine, state, 'expired', options);
}

/** New tokens although the present ones are good. */
export async function refreshNow(engine: Engine, options: AskOptions = {}): Promise<void> {
  await ready(engine, options.signal);
  const state = live(engine);
  if (state) await joinRefresh(engine, state, 'asked', options);
  else await resumed(engine, options.signal);
}

/** Waits until the session is known, or a cookie is being asked about. */
async function ready(engine: Engine, signal: AbortSignal | undefined): Promise<void> {
  engine.reactions.use(engine);
  if (signal?.aborted) throw abortReason(signal);
  if (engine.isGating || (engine.state.status === 'loading' && !engine.run)) {
    void look(engine, true);
    await joinGate(engine, signal);
  }
}

/** The session, read in the same turn that acts on it; undefined while a cookie is being asked about. */
function live(engine: Engine): Live | undefined {
  check(engine);
  const { state } = engine;
  if ('record' in state) return state;
  if (state.status === 'loading' && engine.run) return undefined;
  throw failingOf(state)?.error ?? noSession(state);
}

/** Waits for what the cookie brings. */
async function resumed(engine: Engine, signal: AbortSignal | undefined): Promise<string> {
  return (await joinRoom(engine, signal)).tokens.accessToken;
}

/** Waits for the refresh under way, or for one that starts now; refused while refreshing fails. */
async function joinRefresh(
  engine: Engine,
  state: Live,
  reason: 'due' | 'expired' | 'rejected' | 'asked',
  { signal, challenge }: AskOptions,
): Promise<string> {
  if (isInside(engine, signal)) {
    const message =
      'The refresh function asked for an access token, which waits for that same refresh: use the request it was given, and pass its signal on.';
    throw new OptionsError('ERR_OPTIONS', message);
  }
  const isProbe = reason === 'asked' && !(state.status === 'waiting' && state.failing.named);
  if (!isProbe && state.status === 'waiting' && !isClosed(engine, state)) {
    throw state.failing.error;
  }
  const outcome = joinRoom(engine, signal);
  startRefresh(engine, reason, challenge);
  return (await outcome).tokens.accessToken;
}

/** The circuit breaker is closed, its time is over, or a wake-up lets a probe through. */
function isClosed(engine: Engine, state: Live): boolean {
  if (state.status !== 'waiting') return true;
  const { failing } = state;
  return mayAsk(engine, failing) || (!failing.named && engine.mayProbe);
}
