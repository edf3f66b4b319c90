import mitt from 'mitt';
import type { TokenEvent, TokenEvents } from '../core/session-events.js';

/** Tells listeners what happened: in order, after the fact, each isolated from the others' exceptions. */
export interface Emitter {
  /** Delivers an event to all listeners; one that is emitted meanwhile is delivered after it. */
  emit(event: TokenEvent, at: number): void;
  on<Type extends keyof TokenEvents>(type: Type, listener: (event: TokenEvents[Type]) => void): () => void;
  /** Calls back after every change of the snapshot. */
  onChange(listener: () => void): () => void;
  changed(): void;
  /** Forgets all listeners. */
  clear(): void;
}

type Tasks = Record<keyof TokenEvents | 'changed', unknown>;

export function createEmitter(): Emitter {
  const bus = mitt<Tasks>();
  const queue: (() => void)[] = [];

  function deliver(type: keyof Tasks, payload?: unknown): void {
    queue.push(() => bus.emit(type, payload));
    if (queue.length > 1) return; // a listener emits: its turn comes
    for (let next = queue[0]; next; next = queue[0]) {
      next();
      queue.shift();
    }
  }

  function listen(type: keyof Tasks, listener: (payload: never) => unknown): () => void {
    const isolated = (payload: unknown) => {
      try {
        listener(payload as never);
      } catch (error) {
        report(error);
      }
    };
    bus.on(type, isolated);
    return () => bus.off(type, isolated);
  }

  return {
    emit: ({ type, payload, sessionId }, at) => deliver(type, Object.freeze({ at, sessionId, ...payload })),
    on: listen,
    onChange: (listener) => listen('changed', listener),
    changed: () => deliver('changed'),
    clear: () => bus.all.clear(),
  };
}

/** A listener's fault is the application's own: it is told where the platform tells such things. */
export function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError) reportError(error);
  else console.error(error);
}
