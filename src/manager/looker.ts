import { mayRetry } from '../core/backoff.js';
import { recordOf } from '../core/session.js';
import { isSameSession } from '../core/session-record.js';
import type { AnyTokenError } from '../errors.js';
import type { Settings } from './options.js';
import type { Persistence } from './persistence.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import { createWaitingRoom, type WaitingRoom } from './waiting-room.js';

/** Looks at the storage: at first use, after a wake-up, and when a peer says that something changed. */
export interface Looker {
  /** Nothing is served before a look is over: nobody knows yet whether there is a session, or still is. */
  readonly isGating: boolean;
  /** Looks, and looks again if asked meanwhile; never rejects. With `gate`, callers wait for it. */
  look(gate: boolean): Promise<void>;
  /** Callers who wait for the look under way. */
  readonly gate: WaitingRoom<void>;
}

/** `isBusy`: a session is being started here, and what the storage holds meanwhile is no news. */
export function createLooker(
  { platform: { clock }, isCookie, retry }: Settings,
  store: SessionStore,
  persistence: Persistence,
  refresher: Refresher,
  isBusy: () => boolean,
): Looker {
  const gate = createWaitingRoom<void>(clock);
  let isLooking: Promise<void> | undefined;
  let isAskedAgain = false;

  async function look(): Promise<void> {
    do {
      isAskedAgain = false;
      const before = recordOf(store.state);
      const isSeen = !!before && persistence.hasSeen(before); // as it was when the storage was asked
      try {
        const { record, damage } = await persistence.read();
        const held = recordOf(store.state);
        if (isBusy()) continue;
        if (!isSameSession(before, held)) isAskedAgain = true;
        else if (record || damage || !isCookie || store.state.status !== 'loading') {
          store.dispatch({ type: 'found', record, error: damage, isSeen });
        } else if (!store.state.failing || mayRetry(store.state.failing, clock.now(), retry)) refresher.start('resume');
      } catch (error) {
        const { state } = store;
        // what the server has said about the next attempt outlives a storage that cannot be read
        const isWaiting = state.status === 'loading' && state.failing && !mayRetry(state.failing, clock.now(), retry);
        if (state.status !== 'loading' || isWaiting) continue;
        const failing = { error: error as AnyTokenError, retryAt: clock.now(), named: false };
        store.dispatch({ type: 'failed', base: undefined, record: undefined, failing, again: false });
      }
    } while (isAskedAgain);
  }

  // a plain property, not a getter: every call for a fresh token reads it
  const looker = {
    gate,
    isGating: false,
    look: (isGate: boolean) => {
      looker.isGating ||= isGate;
      if (isLooking) {
        isAskedAgain = true;
        return isLooking;
      }
      isLooking = look().then(() => {
        isLooking = undefined;
        looker.isGating = false;
        gate.settle();
      });
      return isLooking;
    },
  };
  return looker;
}
