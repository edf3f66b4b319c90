import type { SessionRecord } from '../core/session-record.js';
import type { PendingCommands } from './pending-commands.js';
import type { Refresher } from './refresher.js';
import type { SessionStore } from './session-store.js';
import type { StorageReader } from './storage-reader.js';
import type { SessionSnapshot } from './token-manager.js';
import type { Waiters } from './waiters.js';

/** The parts that tell whether there is a session. */
export interface ReadyParts {
  readonly session: SessionStore;
  readonly reader: StorageReader;
  readonly refresher: Refresher;
  readonly pending: PendingCommands;
  readonly callers: Waiters<SessionRecord>;
  /** Loads at first use; throws after `dispose()`. */
  activate(): void;
}

/** Waits until it is known whether there is a session, or that it cannot be known now. */
export async function whenReady(parts: ReadyParts): Promise<SessionSnapshot> {
  const { session, reader, refresher, pending, callers } = parts;
  parts.activate();
  if (session.state.status === 'loading') {
    if (!refresher.isRunning && !pending.isStarting) {
      void reader.read(true);
      await reader.wait(undefined);
    }
    // a sign-in began, and what the storage holds is no news
    if (session.state.status === 'loading' && pending.isStarting) await pending.callers.wait(undefined);
    // the answer to the cookie; "nobody is signed in" is one as well
    if (session.state.status === 'loading' && refresher.isRunning) await callers.wait(undefined).catch(() => undefined);
    parts.activate();
  }
  return session.snapshot;
}
