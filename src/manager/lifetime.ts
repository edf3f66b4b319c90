import { recordOf } from '../core/session.js';
import type { TokenEvent } from '../core/session-events.js';
import type { SessionRecord } from '../core/session-record.js';
import { type AnyTokenError, OptionsError } from '../errors.js';
import type { Engine } from './engine.js';
import { createWaitingRoom, type WaitingRoom } from './waiting-room.js';

/** Throws `OptionsError`, `ERR_DISPOSED`, after the end. */
export function check({ isDisposed }: Engine): void {
  if (isDisposed) throw disposed();
}

/** Waits for work that goes on by itself; the process stays alive meanwhile, the end of the manager refuses the caller. */
export function attend<T>(engine: Engine, work: Promise<T>): Promise<T> {
  const room = createWaitingRoom<T>(engine.settings.platform.clock);
  const waiting = room.join(undefined);
  engine.attended ??= new Set();
  const { attended } = engine;
  attended.add(room as WaitingRoom<never>);
  work.then(room.settle, room.refuse).then(() => attended.delete(room as WaitingRoom<never>));
  return waiting;
}

/** Waits for the outcome of a refresh. */
export function joinRoom(engine: Engine, signal: AbortSignal | undefined): Promise<SessionRecord> {
  engine.room ??= createWaitingRoom(engine.settings.platform.clock);
  return engine.room.join(signal);
}

export function emit({ emitter, settings }: Engine, event: TokenEvent): void {
  emitter?.emit(event, settings.platform.clock.now());
}

/** The storage failed. */
export function reportFault(engine: Engine, operation: 'read' | 'write' | 'remove', error: AnyTokenError): void {
  emit(engine, { type: 'storageFailed', payload: { operation, error }, sessionId: recordOf(engine.state)?.sessionId });
}

/** Tells the peers to look at the storage. */
export function announce({ settings: { platform, name } }: Engine): void {
  try {
    platform.channel.announce(name);
  } catch {
    // need not arrive
  }
}

/** A random name that is no secret; tells sessions apart even where chance is constant. */
export function newId(engine: Engine): string {
  const { clock, random } = engine.settings.platform;
  return [clock.now(), ++engine.ids, random(), random()].map((part) => part.toString(36).replace('0.', '')).join('');
}

/** Lets go of timers, listeners and callers. */
export function dispose(engine: Engine): void {
  if (engine.isDisposed) return;
  engine.isDisposed = true;
  engine.fresh = undefined;
  const { attended, room, gate, scheduler, cancelRepair, run, subscriptions, emitter } = engine;
  for (const waiting of [...(attended ?? []), room, gate]) waiting?.refuse(disposed());
  scheduler?.cancel();
  cancelRepair?.();
  run?.wake();
  for (const unsubscribe of subscriptions ?? []) unsubscribe();
  emitter?.clear();
}

function disposed(): OptionsError {
  return new OptionsError('ERR_DISPOSED', 'Expected a manager in use, but dispose() was called: create another one.');
}
