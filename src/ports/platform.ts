import type { Channel } from './channel.js';
import type { Clock } from './clock.js';
import type { Lock } from './lock.js';
import type { Marks } from './marks.js';
import type { TokenStorage } from './storage.js';
import type { Wakeups } from './wakeups.js';

/**
 * Everything the manager knows of the world; usually a preset, or a spread one with parts replaced.
 *
 * Everything in it is named by key, so that one platform serves any number of managers.
 */
export interface Platform {
  /** Where the session is kept. */
  storage: TokenStorage;
  /** One refresh at a time, for everybody on this storage. */
  lock: Lock;
  /** Tells peers to look at the storage. */
  channel: Channel;
  /** Moments after which timers are not to be trusted. */
  wakeups: Wakeups;
  /** Time. */
  clock: Clock;
  /** A number in [0, 1), for jitter, and for ids where there is no crypto. */
  random: () => number;
  /** Whether managers refresh ahead of expiry when nobody asks, unless their own `proactive` says. Default `true`. */
  proactive?: boolean;
  /** What survives a page that leaves in the same turn; without them, a page that leaves during a sign-out may not finish it. */
  marks?: Marks;
}
