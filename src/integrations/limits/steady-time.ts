import type { TokenManagerOptions } from '../../manager/options.js';

export type Clock = NonNullable<TokenManagerOptions['platform']>['clock'];

/** Time that never goes back: what a clock is set back by is added from then on. */
export interface SteadyTime {
  now(): number;
  /** Catches up with a moment that a peer has written. */
  reach(at: number): void;
  /** By how much this time is ahead of the clock. */
  readonly aheadMs: number;
}

export function steadyTime(clock: Clock): SteadyTime {
  let aheadMs = 0;
  let latestAt = -Infinity;
  const now = () => {
    const at = clock.now() + aheadMs;
    if (at < latestAt) aheadMs += latestAt - at;
    else latestAt = at;
    return latestAt;
  };
  return {
    now,
    reach: (at) => {
      const behindMs = at - now();
      if (behindMs <= 0) return;
      aheadMs += behindMs;
      latestAt = at;
    },
    get aheadMs() {
      return aheadMs;
    },
  };
}
