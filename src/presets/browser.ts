import { broadcastChannel } from '../adapters/broadcast-channel.js';
import { inProcessLock } from '../adapters/in-process-lock.js';
import { indexedDbRegisters } from '../adapters/indexed-db/registers.js';
import { indexedDb } from '../adapters/indexed-db.js';
import { pageMarks } from '../adapters/page-marks.js';
import { pageOnly } from '../adapters/page-only.js';
import { pageWakeups } from '../adapters/page-wakeups.js';
import { checkOptions, checkStorage } from '../adapters/parts/check-options.js';
import { hasNoPeers } from '../adapters/parts/place.js';
import { tabLock } from '../adapters/tab-lock.js';
import type { Platform } from '../ports/platform.js';
import type { TokenStorage } from '../ports/storage.js';
import { systemClock } from '../time/system-clock.js';

/** What {@link browser} accepts. */
export interface BrowserOptions {
  /** Where the session is kept; default `indexedDb()`. */
  storage?: TokenStorage;
}

/**
 * The platform of a web page: one session, and one refresh, for all tabs and workers of the origin.
 *
 * The session survives a reload, encrypted in IndexedDB, see `indexedDb`. Everything is looked up on first use, so that
 * a server can create it while it renders; starting a session there is refused. Where the page may not use IndexedDB or
 * `crypto.subtle` (plain http, a sandboxed frame), the session is kept in the memory of each tab, and `storageFailed`
 * says so once.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: says what came and what to write instead
 *
 * @example
 * const tokens = createTokenManager({ refresh, platform: browser() });
 */
export function browser(options: BrowserOptions = {}): Platform {
  const instead = "browser({ storage: webStorage('local') })";
  const { storage = indexedDb() } = checkOptions<BrowserOptions>('browser', options, ['storage'], instead);
  checkStorage('browser', storage, instead);
  const isAlone = () => hasNoPeers(storage);
  const channel = broadcastChannel();
  const registers = indexedDbRegisters('evertoken', 'relaxed');
  return {
    storage: pageOnly(storage),
    lock: tabLock(registers, inProcessLock(), channel, isAlone),
    channel,
    wakeups: pageWakeups(),
    clock: systemClock(),
    random: () => Math.random(),
    marks: pageMarks(isAlone),
  };
}
