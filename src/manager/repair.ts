import { backoffDelay } from '../core/backoff.js';
import { recordOf } from '../core/session.js';
import { isSameSession, type SessionRecord } from '../core/session-record.js';
import type { Engine } from './engine.js';
import { announce } from './lifetime.js';
import { withSlot } from './persistence.js';
import { hasSeen, withMark } from './stored-session.js';

/** A session that is over for good: a record of it that is found from now on, written late for example, has to go. */
export function remember(engine: Engine, endedId: string): void {
  engine.ended ??= new Set();
  engine.ended.add(endedId);
}

/**
 * Brings the storage in line with the session, where a write or an erasure had failed; goes on until it succeeds.
 *
 * `endedId` names a session whose record has to go.
 */
export function repair(engine: Engine, endedId?: string): void {
  if (endedId !== undefined) remember(engine, endedId);
  if (engine.cancelRepair || engine.isDisposed) return;
  const { retry, platform } = engine.settings;
  engine.repairs++;
  engine.cancelRepair = platform.clock.after(backoffDelay(engine.repairs, retry, platform.random()), () => {
    engine.cancelRepair = undefined; // what fails from now on may come too late for this time
    mend(engine).then(
      (hasChanged) => {
        engine.repairs = 0;
        if (hasChanged) announce(engine);
      },
      () => repair(engine),
    );
  });
}

function mend(engine: Engine): Promise<boolean> {
  return withSlot(engine, async (slot) => {
    const { record, isNewer } = await slot.read();
    const held = recordOf(engine.state);
    let hasChanged = true;
    if (record && engine.ended?.has(record.sessionId)) await (held ? slot.write(held) : slot.erase());
    else if (held && !isNewer && isBehind(engine, record, held))
      await slot.write(withMark(heed(engine, record, held), record));
    else hasChanged = false;
    return hasChanged;
  });
}

function isBehind(engine: Engine, found: SessionRecord | undefined, held: SessionRecord): boolean {
  if (found && isSameSession(found, held)) {
    return found.revision === held.revision ? retryAtOf(found) < retryAtOf(held) : found.revision < held.revision;
  }
  // of a session that never got there nothing is missing: a peer that ended it would have had to see it
  return !hasSeen(engine, held) && (!found || found.revision < held.revision);
}

/** The pause that a peer was told to make holds for newer tokens as well. */
function heed({ settings }: Engine, found: SessionRecord | undefined, held: SessionRecord): SessionRecord {
  const failure = isSameSession(found, held) ? found?.failure : undefined;
  const isAhead = failure && failure.retryAt > Math.max(retryAtOf(held), settings.platform.clock.now());
  return isAhead ? { ...held, failure } : held;
}

function retryAtOf({ failure }: SessionRecord): number {
  return failure?.retryAt ?? 0;
}
