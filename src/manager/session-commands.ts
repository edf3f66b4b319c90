import { recordOf } from '../core/session.js';
import { isReplaced, isSameSession, type SessionRecord } from '../core/session-record.js';
import { readTokenResponse, type TokenResponse, type TokenSet } from '../core/token-set.js';
import { type AnyTokenError, LockError, OptionsError, RefreshError, SessionError } from '../errors.js';
import { withDeadline } from './deadline.js';
import type { Settings } from './options.js';
import type { Persistence } from './persistence.js';
import type { Refresher } from './refresher.js';
import { safeCause } from './safe-cause.js';
import type { SessionStore } from './session-store.js';
import type { ReportFault } from './stored-session.js';

/** Starting and ending a session: writes like any other, under the lock. */
export interface SessionCommands {
  startSession(response: TokenResponse): Promise<void>;
  endSession(): Promise<void>;
  /** A session is being started: nothing is refreshed meanwhile. */
  readonly isStarting: boolean;
  /** A session is being started or ended: what the storage holds meanwhile is no news. */
  readonly isBusy: boolean;
}

/** What the commands work on. */
export interface CommandContext {
  readonly settings: Settings;
  readonly store: SessionStore;
  readonly persistence: Persistence;
  readonly refresher: Refresher;
  repair(endedId?: string): void;
  newId(): string;
  announce(): void;
  /** Looks at the storage, where a look may have been of no use meanwhile. */
  look(): void;
  reportFault: ReportFault;
  reportRevocation(error: AnyTokenError): void;
}

/** Counts the commands: a later one wins over an earlier one that still waits for the lock. */
interface Turns {
  starts: number;
  /** The latest start that is over. */
  started: number;
  ends: number;
  erasing: number;
  ending: Promise<void> | undefined;
}

export function createSessionCommands(context: CommandContext): SessionCommands {
  const turns: Turns = { starts: 0, started: 0, ends: 0, erasing: 0, ending: undefined };
  const isStarting = () => turns.started < turns.starts;
  return {
    get isStarting() {
      return isStarting();
    },
    get isBusy() {
      return isStarting() || turns.erasing > 0;
    },
    startSession: async (response) => {
      const now = context.settings.platform.clock.now();
      const { tokens, problem } = { tokens: undefined, ...readTokenResponse(response, now, now) };
      if (!tokens) {
        const expected = 'Expected startSession() to be given a token response (RFC 6749 section 5.1)';
        throw new OptionsError('ERR_OPTIONS', `${expected}, but ${problem} came; check the answer to the sign-in.`);
      }
      try {
        await start(tokens, turns, context);
      } finally {
        context.look();
      }
    },
    endSession: () => {
      const { state } = context.store;
      if (state.status === 'none' && !isStarting()) return turns.ending ?? Promise.resolve();
      const ending = end(turns, context).finally(() => {
        if (turns.ending === ending) turns.ending = undefined;
      });
      turns.ending = ending;
      return ending;
    },
  };
}

async function start(tokens: TokenSet, turns: Turns, context: CommandContext): Promise<void> {
  const { store, persistence, refresher, newId, repair } = context;
  const ids = { sessionId: newId(), attemptId: newId() };
  const turn = ++turns.starts;
  const { ends } = turns;
  void refresher.detach();
  const at = (revision = 0): SessionRecord => ({
    ...ids,
    // a session that starts later is the newer one, also for peers that the storage could not tell of each other
    revision: Math.floor(Math.max(revision, store.state.revision, context.settings.platform.clock.now())) + 1,
    tokens,
    unanswered: false,
    failure: undefined,
  });
  let record: SessionRecord | undefined;
  const isCurrent = () => turn === turns.starts && ends === turns.ends;
  try {
    await persistence.withSlot(async (slot) => {
      const found = await slot.read().catch(() => undefined);
      if (!isCurrent()) return;
      record = at(found?.record?.revision);
      await slot.write(record);
      // signed out while it was written: signing out wins
      if (ends !== turns.ends) await slot.erase();
    });
  } catch (error) {
    // the session lives in memory, and storing it is tried again
    reportLock('write', error, context);
    repair(ends === turns.ends ? undefined : ids.sessionId);
  }
  turns.started = Math.max(turns.started, turn); // before anybody hears of it: a listener may ask for a refresh at once
  if (ends !== turns.ends)
    throw new SessionError('ERR_NO_SESSION', 'The session was ended while it was being started.');
  if (turn === turns.starts) store.dispatch({ type: 'started', record: record ?? at(), from: 'sign-in' });
}

async function end(turns: Turns, context: CommandContext): Promise<void> {
  const { store, persistence, refresher, repair, announce } = context;
  const own = recordOf(store.state);
  turns.ends++;
  const straggler = refresher.detach(); // before the end, which lets go of it as well
  store.dispatch({ type: 'ended', reason: 'ended' });
  let newest = own;
  let erasedId = own?.sessionId;
  let failure: unknown;
  turns.erasing++;
  try {
    await persistence.withSlot(async (slot) => {
      const found = await slot.read().catch(() => undefined);
      const record = found?.record;
      // a peer's new session, or nothing of ours to erase; but what ours had replaced, unstored, is over too
      const isOurs =
        record && (!own || isSameSession(own, record) || isReplaced(record, own, persistence.hasSeen(own)));
      if (found && !isOurs) return;
      erasedId = record?.sessionId ?? erasedId;
      if (record && (!own || isSameSession(own, record)) && record.revision >= (own?.revision ?? 0)) newest = record;
      await slot.erase();
    });
    announce();
  } catch (error) {
    reportLock('remove', error, context);
    if (erasedId) repair(erasedId);
    failure = error;
  } finally {
    turns.erasing--;
    context.look();
  }
  await revoke((await straggler) ?? newest?.tokens, context);
  if (failure !== undefined) throw failure;
}

// The storage's own failures were reported where they happened.
function reportLock(operation: 'write' | 'remove', error: unknown, { reportFault }: CommandContext): void {
  if (error instanceof LockError) reportFault(operation, error);
}

async function revoke(tokens: TokenSet | undefined, { settings, reportRevocation }: CommandContext): Promise<void> {
  const { revoke: call, isCookie, timeoutMs, platform } = settings;
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
    reportRevocation(new RefreshError(code, message, { attempts: 1, status, cause }));
  }
}
