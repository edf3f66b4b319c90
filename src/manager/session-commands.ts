import { recordOf } from '../core/session.js';
import { isSameSession, type SessionRecord } from '../core/session-record.js';
import { readTokenResponse, type TokenResponse, type TokenSet } from '../core/token-set.js';
import { LockError, OptionsError, RefreshError, SessionError } from '../errors.js';
import { withDeadline } from './deadline.js';
import { type Engine, isStarting } from './engine.js';
import { announce, emit, newId, reportFault } from './lifetime.js';
import { look } from './looker.js';
import { withSlot } from './persistence.js';
import { detachRefresh } from './refresher.js';
import { remember, repair } from './repair.js';
import { safeCause } from './safe-cause.js';
import { dispatch } from './session-store.js';
import { isPast } from './stored-session.js';

/** Starts a session: a write like any other, under the lock. */
export async function startSession(engine: Engine, response: TokenResponse): Promise<void> {
  const now = engine.settings.platform.clock.now();
  const { tokens, problem } = { tokens: undefined, ...readTokenResponse(response, now, now) };
  if (!tokens) {
    const expected = 'Expected startSession() to be given a token response (RFC 6749 section 5.1)';
    throw new OptionsError('ERR_OPTIONS', `${expected}, but ${problem} came; check the answer to the sign-in.`);
  }
  try {
    await start(engine, tokens);
  } finally {
    void look(engine, false); // a look meanwhile may have been of no use
  }
}

/** Ends the session: here at once, then in the storage, under the lock; then tells the server. */
export function endSession(engine: Engine): Promise<void> {
  if (engine.state.status === 'none' && !isStarting(engine)) return engine.ending ?? Promise.resolve();
  const ending = end(engine).finally(() => {
    if (engine.ending === ending) engine.ending = undefined;
  });
  engine.ending = ending;
  return ending;
}

async function start(engine: Engine, tokens: TokenSet): Promise<void> {
  const ids = { sessionId: newId(engine), attemptId: newId(engine) };
  const startedAt = engine.settings.platform.clock.now();
  const turn = ++engine.starts;
  const { ends } = engine;
  engine.begun = [...engine.begun, ids.sessionId];
  void detachRefresh(engine);
  const at = (revision = 0): SessionRecord => ({
    ...ids,
    // a session that starts later is the newer one, also for peers that the storage could not tell of each other
    revision: Math.floor(Math.max(revision, engine.state.revision, startedAt)) + turn,
    tokens,
    unanswered: false,
    failure: undefined,
  });
  let record: SessionRecord | undefined;
  try {
    await withSlot(engine, async (slot) => {
      const found = await slot.read().catch(() => undefined);
      if (turn !== engine.starts || ends !== engine.ends) return;
      record = at(found?.record?.revision);
      await slot.write(record);
      // signed out while it was written: signing out wins
      if (ends !== engine.ends) await slot.erase();
    });
  } catch (error) {
    // the session lives in memory, and storing it is tried again; what it replaced may still be stored
    reportLock(engine, 'write', error);
    if (error instanceof LockError) record = undefined; // dated by what others have stored meanwhile
    const isLast = turn === engine.starts && ends === engine.ends;
    repair(engine, isLast ? recordOf(engine.state)?.sessionId : ids.sessionId);
  }
  engine.begun = engine.begun.filter((id) => id !== ids.sessionId);
  engine.started = Math.max(engine.started, turn); // before anybody hears of it: a listener may ask for a refresh at once
  if (ends !== engine.ends)
    throw new SessionError('ERR_NO_SESSION', 'The session was ended while it was being started.');
  if (turn === engine.starts) dispatch(engine, { type: 'started', record: record ?? at(), from: 'sign-in' });
  else if (record) repair(engine, ids.sessionId); // a later start has replaced it, and may fail to store that
}

async function end(engine: Engine): Promise<void> {
  const own = recordOf(engine.state);
  const { begun } = engine;
  for (const id of begun) remember(engine, id);
  if (own) remember(engine, own.sessionId);
  engine.ends++;
  const straggler = detachRefresh(engine); // before the end, which lets go of it as well
  dispatch(engine, { type: 'ended', reason: 'ended' });
  let newest = own;
  let erased = own;
  let failure: unknown;
  engine.erasing++;
  try {
    await withSlot(engine, async (slot) => {
      const found = await slot.read().catch(() => undefined);
      const record = found?.record;
      if (found && !(record && isOver(engine, record, own, begun))) return;
      erased = record ?? own;
      if (record && record.revision >= (own?.revision ?? 0)) newest = record;
      await slot.erase();
    });
    announce(engine);
  } catch (error) {
    reportLock(engine, 'remove', error);
    repair(engine, erased?.sessionId);
    failure = error;
  } finally {
    engine.erasing--;
    void look(engine, false);
  }
  await revoke(engine, newest?.sessionId, (await straggler) ?? newest?.tokens);
  if (failure !== undefined) throw failure;
}

/** Signing out ends what is stored: ours, or what ours has replaced; not the new session of a peer. */
function isOver(
  engine: Engine,
  found: SessionRecord,
  own: SessionRecord | undefined,
  begun: readonly string[],
): boolean {
  return !own || isSameSession(found, own) || isPast(engine, found, own) || begun.includes(found.sessionId);
}

// The storage's own failures were reported where they happened.
function reportLock(engine: Engine, operation: 'write' | 'remove', error: unknown): void {
  if (error instanceof LockError) reportFault(engine, operation, error);
}

async function revoke(engine: Engine, sessionId: string | undefined, tokens: TokenSet | undefined): Promise<void> {
  const { revoke: call, isCookie, timeoutMs, platform } = engine.settings;
  if (!call || !(tokens || isCookie)) return;
  const { refreshToken, accessToken } = tokens ?? {};
  const controller = new AbortController();
  const request = {
    ...(refreshToken !== undefined && { refreshToken }),
    ...(accessToken !== undefined && { accessToken }),
    signal: controller.signal,
  };
  const expire = () => controller.abort();
  try {
    const answer = await withDeadline(platform.clock, timeoutMs, () => call(request), expire);
    const { ok, status } = Object(answer) as Partial<Response>;
    if (ok === false) throw Object.assign(new Error('an answer that is not 2xx'), { status });
  } catch (error) {
    const code = error === undefined ? 'ERR_REFRESH_TIMEOUT' : 'ERR_REFRESH_NETWORK';
    const { status } = Object(error) as { status?: number };
    const message = 'Expected the revocation to succeed, but it failed; the session is over here all the same.';
    const cause = error === undefined ? undefined : safeCause(error, [refreshToken, accessToken]);
    const fault = new RefreshError(code, message, { attempts: 1, status, cause });
    emit(engine, { type: 'revokeFailed', payload: { error: fault }, sessionId });
  }
}
