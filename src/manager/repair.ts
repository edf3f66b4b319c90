import { backoffDelay } from '../core/backoff.js';
import { recordOf } from '../core/session.js';
import { failureCount, isSameSession, type SessionRecord } from '../core/session-record.js';
import type { Settings } from './options.js';
import type { Persistence } from './persistence.js';
import type { SessionStore } from './session-store.js';

/** Brings the storage in line with the session, where a write or an erasure had failed; goes on until it succeeds. */
export interface Repair {
  /** `endedId` names a session whose record has to go. */
  (endedId?: string): void;
  cancel(): void;
}

export function createRepair(
  { platform, retry }: Settings,
  store: SessionStore,
  persistence: Persistence,
  announce: () => void,
): Repair {
  const { clock, random } = platform;
  const ended = new Set<string>();
  let cancel: (() => void) | undefined;
  let isCancelled = false;
  let failures = 0;

  function later(): void {
    if (cancel || isCancelled) return;
    failures++;
    cancel = clock.after(backoffDelay(failures, retry, random()), () => {
      mend().then(
        (hasChanged) => {
          cancel = undefined;
          failures = 0;
          if (hasChanged) announce();
        },
        () => {
          cancel = undefined;
          later();
        },
      );
    });
  }

  function mend(): Promise<boolean> {
    return persistence.withSlot(async (slot) => {
      const held = recordOf(store.state);
      const { record, isNewer } = await slot.read();
      if (record && ended.has(record.sessionId)) {
        await (held ? slot.write(held) : slot.erase());
      } else if (held && !isNewer && isBehind(record, held, persistence)) {
        await slot.write(held);
      } else {
        ended.clear();
        return false;
      }
      ended.clear();
      return true;
    });
  }

  const repair = (endedId?: string): void => {
    if (endedId !== undefined) ended.add(endedId);
    later();
  };
  return Object.assign(repair, {
    cancel: () => {
      isCancelled = true;
      cancel?.();
    },
  });
}

function isBehind(found: SessionRecord | undefined, held: SessionRecord, { hasSeen }: Persistence): boolean {
  if (found && isSameSession(found, held)) {
    const isSame = found.revision === held.revision;
    return isSame ? failureCount(found) < failureCount(held) : found.revision < held.revision;
  }
  // of a session that never got there nothing is missing: a peer that ended it would have had to see it
  return !hasSeen(held) && (!found || found.revision < held.revision);
}
