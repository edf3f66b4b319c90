import type { Channel } from './channel.js';
import type { Clock } from './clock.js';
import type { Lock } from './lock.js';
import type { Marks } from './marks.js';
import type { TokenStorage } from './storage.js';
import type { Wakeups } from './wakeups.js';

/**
 * The environment of a manager: a preset, or a preset with parts replaced by object spread.
 *
 * Each part takes a key with every call, so that one platform serves any number of managers.
 */
export interface Platform {
  /** Where the session is kept. */
  storage: TokenStorage;
  /** One refresh at a time, for everybody on this storage. */
  lock: Lock;
  /** Notifies peers, so that they read the storage. */
  channel: Channel;
  /** Moments after which timers are not to be trusted. */
  wakeups: Wakeups;
  /** Time. */
  clock: Clock;
  /** A number in [0, 1), for jitter, and for ids where there is no crypto. */
  random: () => number;
  /** Whether managers refresh ahead of expiry without a call, unless their own option `proactive` says. Default `true`. */
  proactive?: boolean;
  /**
   * `false` where work ends with the answer or the process: nothing is refreshed behind a served token. Default `true`.
   *
   * A token that is due is refreshed before it is served, for at most 2 s; after that the usable one is served. No timer
   * refreshes ahead of expiry either, unless `proactive` is `true`.
   */
  background?: boolean;
  /**
   * Notes that survive the page at once, where there is such a place. Default: none.
   *
   * Without them, a sign-out whose page leaves at once may be left unfinished.
   */
  marks?: Marks;
}
