import { failingOf, recordOf } from '../core/session.js';
import { isSameSession } from '../core/session-record.js';
import type { AnyTokenError } from '../errors.js';
import { unreadable } from './attempt.js';
import { type Engine, isStarting, mayAsk } from './engine.js';
import { readStored } from './persistence.js';
import { startRefresh } from './refresher.js';
import { dispatch } from './session-store.js';
import { hasSeen } from './stored-session.js';
import { createWaitingRoom } from './waiting-room.js';

/**
 * Looks at the storage: at first use, after a wake-up, and when a peer says that something changed.
 *
 * Looks again if asked meanwhile; never rejects. With `isGate`, nothing is served before the look is over.
 */
export function look(engine: Engine, isGate: boolean): Promise<void> {
  engine.isGating ||= isGate;
  if (engine.looking) engine.isAskedAgain = true;
  else engine.looking = lookOften(engine);
  return engine.looking;
}

/** Waits for the look under way. */
export function joinGate(engine: Engine, signal: AbortSignal | undefined): Promise<void> {
  engine.gate ??= createWaitingRoom(engine.settings.platform.clock);
  return engine.gate.join(signal);
}

async function lookOften(engine: Engine): Promise<void> {
  do {
    engine.isAskedAgain = false;
    await lookOnce(engine);
  } while (engine.isAskedAgain);
  // in the same turn: whoever asks from now on has another look
  engine.looking = undefined;
  engine.isGating = false;
  engine.gate?.settle();
}

async function lookOnce(engine: Engine): Promise<void> {
  const { isCookie, platform } = engine.settings;
  const { ends } = engine;
  const before = recordOf(engine.state);
  const isSeen = !!before && hasSeen(engine, before); // as it was when the storage was asked
  try {
    const { record, damage } = await readStored(engine);
    const held = recordOf(engine.state);
    // a session is being started or ended: what the storage holds meanwhile is no news, nor is one that has ended here;
    // but that ours was ended elsewhere is, also while another one is to replace it
    const isGone = held && !record && !damage;
    const isBusy = engine.erasing > 0 || ends !== engine.ends || (isStarting(engine) && !isGone);
    if (isBusy || (record && engine.ended?.has(record.sessionId))) return;
    if (!isSameSession(before, held)) engine.isAskedAgain = true;
    else if (record || damage || !isCookie || engine.state.status !== 'loading') {
      dispatch(engine, { type: 'found', record, error: damage, isSeen: isSeen && hasSeen(engine, before) });
    } else if (mayAsk(engine, failingOf(engine.state))) startRefresh(engine, 'resume');
  } catch (error) {
    // what the server has said about the next attempt outlives a storage that cannot be read
    if (engine.state.status !== 'loading' || !mayAsk(engine, failingOf(engine.state))) return;
    const failing = unreadable(error as AnyTokenError, platform.clock.now());
    dispatch(engine, { type: 'failed', base: undefined, record: undefined, failing, again: false });
  }
}
