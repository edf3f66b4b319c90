import type { SessionSnapshot } from '../../manager/token-manager.js';
import type { Clock } from '../../ports/clock.js';
import type { DueIndex } from '../../ports/due-index.js';
import type { FleetEmitter } from './fleet-events.js';
import { inPortions } from './in-portions.js';

/** Writes down which sessions were used: at most once a minute, so that a use costs nothing by itself. */
export interface UseNotes {
  /** `snapshot`: what the session looked like after the use. */
  note(key: string, snapshot?: SessionSnapshot): void;
  /** Writes now, and no later again. */
  flush(): Promise<void>;
}

const NOTE_MS = 60_000;

/** `wake`: brings a session that was put off as unused back, if its snapshot says that it is due. */
export function createUseNotes(
  due: Pick<DueIndex, 'touch'>,
  clock: Clock,
  emitter: FleetEmitter,
  wake: (key: string, snapshot: SessionSnapshot) => Promise<void>,
): UseNotes {
  const used = new Map<string, SessionSnapshot | undefined>();
  let cancel: (() => void) | undefined;

  async function write(): Promise<void> {
    cancel?.();
    cancel = undefined;
    const noted = [...used];
    used.clear();
    for (const some of inPortions(noted)) {
      try {
        await due.touch(
          some.map(([key]) => key),
          clock.now(),
        );
        for (const [key, snapshot] of some) if (snapshot) await wake(key, snapshot);
      } catch (error) {
        emitter.emit('indexFailed', { at: clock.now(), operation: 'touch', error });
        for (const [key, snapshot] of some) used.set(key, used.get(key) ?? snapshot);
      }
    }
  }

  function later(): void {
    cancel ??= clock.after(NOTE_MS, () => void write().then(() => used.size > 0 && later()));
  }

  return {
    note(key, snapshot) {
      used.set(key, snapshot ?? used.get(key));
      later();
    },
    flush: write,
  };
}
