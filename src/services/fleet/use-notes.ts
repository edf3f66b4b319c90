import type { SessionSnapshot } from '../../manager/token-manager.js';
import type { Clock } from '../../ports/clock.js';
import type { DueIndex } from '../../ports/due-index.js';
import type { FleetEmitter } from './fleet-events.js';
import { inPortions } from './in-portions.js';

/** Writes down which sessions were used when: at most once a minute, so that a use costs nothing by itself. */
export interface UseNotes {
  /** `snapshot`: what the session looked like after the use. */
  note(key: string, snapshot?: SessionSnapshot): void;
  /** Writes now, and no later again. */
  flush(): Promise<void>;
}

interface Note {
  /** When the session was last used: the note may be taken much later, or by the next session of the same key. */
  readonly at: number;
  readonly snapshot: SessionSnapshot | undefined;
}

const NOTE_MS = 60_000;
/** Uses that are no further apart are written in one statement, as of the last of them. */
const CLOSE_MS = 10_000;

/** `wake`: brings a session that was put off as unused back, if its snapshot says that it is due. */
export function createUseNotes(
  due: Pick<DueIndex, 'touch'>,
  clock: Clock,
  emitter: FleetEmitter,
  wake: (key: string, snapshot: SessionSnapshot) => Promise<void>,
): UseNotes {
  const used = new Map<string, Note>();
  let cancel: (() => void) | undefined;

  async function write(): Promise<void> {
    cancel?.();
    cancel = undefined;
    const noted = [...used].sort(([, one], [, other]) => one.at - other.at);
    used.clear();
    for (const some of closeTogether(noted)) {
      try {
        const at = Math.max(...some.map(([, note]) => note.at));
        await due.touch(
          some.map(([key]) => key),
          Math.min(at, clock.now()), // the clock may have been set back meanwhile
        );
        for (const [key, { snapshot }] of some) if (snapshot) await wake(key, snapshot);
      } catch (error) {
        emitter.emit('indexFailed', { at: clock.now(), operation: 'touch', error });
        for (const [key, note] of some) used.set(key, used.get(key) ?? note);
      }
    }
  }

  function later(): void {
    cancel ??= clock.after(NOTE_MS, () => void write().then(() => used.size > 0 && later()));
  }

  return {
    note(key, snapshot) {
      used.set(key, { at: clock.now(), snapshot: snapshot ?? used.get(key)?.snapshot });
      later();
    },
    flush: write,
  };
}

/** What is in the order of time, in portions of uses that are close together. */
function* closeTogether(noted: readonly [string, Note][]): Iterable<readonly [string, Note][]> {
  for (let from = 0; from < noted.length; ) {
    const until = (noted[from]?.[1].at ?? 0) + CLOSE_MS;
    const next = noted.findIndex(([, { at }], index) => index > from && at > until);
    const end = next < 0 ? noted.length : next;
    yield* inPortions(noted.slice(from, end));
    from = end;
  }
}
