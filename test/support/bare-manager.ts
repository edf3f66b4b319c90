import type { SessionEffect, SessionState } from '../../src/core/session.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import { inProcess, type Platform, type RefreshTokens, type TokenManagerOptions } from '../../src/index.js';
import { Manager } from '../../src/manager/manager.js';
import { readOptions } from '../../src/manager/options.js';

/** What would follow from what the parts do; nothing, unless a test says otherwise. */
export interface Consequences {
  sessionChanged(before: SessionState): void;
  carryOut(effect: SessionEffect): void;
  storedLate(): void;
  tokensArrivedLate(): void;
  activate(): void;
}

/** The parts of one manager without the consequences of what they do: for tests of a part on its own. */
export function bareManager(
  platform: Partial<Platform>,
  consequences: Partial<Consequences> = {},
  refresh: RefreshTokens = () => Promise.reject(new Error('nobody expected a refresh')),
  options: Partial<TokenManagerOptions> = {},
): Manager {
  class Bare extends Manager {
    override sessionChanged(before: SessionState): void {
      consequences.sessionChanged?.(before);
    }

    override carryOut(effect: SessionEffect): void {
      consequences.carryOut?.(effect);
    }

    override storedLate(): void {
      consequences.storedLate?.();
    }

    override tokensArrivedLate(): void {
      consequences.tokensArrivedLate?.();
    }

    override activate(): void {
      consequences.activate?.();
    }
  }
  return new Bare(readOptions({ ...options, refresh, platform: { ...inProcess(), ...platform } }, inProcess));
}

/** Lets the manager hold this record, by the fact of a sign-in. */
export function hold(manager: Manager, record: SessionRecord): void {
  manager.session.dispatch({ type: 'started', record, from: 'sign-in' });
}

/** Writes this record to the storage, so that the manager knows that it was there. */
export function wasStored(manager: Manager, record: SessionRecord): Promise<void> {
  return manager.store.withLock((storage) => storage.write(record));
}
