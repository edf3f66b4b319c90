import type { Clock } from '../../ports/clock.js';
import type { DueIndex } from '../../ports/due-index.js';
import type { FleetEmitter } from './fleet-events.js';

/** Writes down which sessions were used: at most once a minute, so that a use costs nothing by itself. */
export interface UseNotes {
  note(key: string): void;
  flush(): Promise<void>;
}

const NOTE_MS = 60_000;

export function createUseNotes(due: DueIndex, clock: Clock, emitter: FleetEmitter): UseNotes {
  let used = new Set<string>();
  let cancel: (() => void) | undefined;

  async function flush(): Promise<void> {
    cancel?.();
    cancel = undefined;
    const keys = [...used];
    used = new Set();
    if (keys.length === 0) return;
    try {
      await due.touch(keys, clock.now());
    } catch (error) {
      emitter.emit('indexFailed', { at: clock.now(), operation: 'touch', error });
    }
  }

  return {
    note(key) {
      used.add(key);
      cancel ??= clock.after(NOTE_MS, () => void flush());
    },
    flush,
  };
}
