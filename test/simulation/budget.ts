import type { World } from './world.js';

/** Counts the requests to the token endpoint, in every ten minutes and not only in the end. */
export interface Budget {
  /** A caller asks for a refresh by name, or because a token was refused. */
  demand(): void;
  request(): void;
}

const WINDOW_MS = 600_000;
/** Whatever happens: so many requests beside those that are due, in ten minutes of true time. */
const MOST_REQUESTS = 150;
/** One refresh may take so many attempts. */
const ATTEMPTS = 3;

/** How many sessions there may be at once: with a dead storage, each peer keeps one of its own. */
export function sessionsOf({ circumstances }: World): number {
  return circumstances.storageDiesAt === undefined ? 1 : circumstances.peers;
}

/** Two requests for each lifetime of a token, three for each demand, and some more for faults; a window's worth of each. */
export function createBudget(world: World): Budget {
  const { lifetimeMs = Number.POSITIVE_INFINITY, hasErrands } = world.circumstances;
  const most = MOST_REQUESTS + (2 * (hasErrands ? 2 : 1) * sessionsOf(world) * WINDOW_MS) / lifetimeMs;
  const requests: number[] = [];
  const demands: number[] = [];

  function forget(times: number[]): number {
    const first = times.findIndex((at) => at > world.now - WINDOW_MS);
    times.splice(0, first < 0 ? times.length : first);
    return times.length;
  }

  return {
    demand: () => demands.push(world.now),
    request: () => {
      requests.push(world.now);
      if (requests.length <= most) return;
      const allowed = most + ATTEMPTS * forget(demands);
      if (forget(requests) > allowed) {
        world.violate('few requests', `${requests.length} in ${WINDOW_MS / 60_000} minutes, more than ${allowed}`);
      }
    },
  };
}
