import { isSameSkew, skewOfDate } from '../../core/skew.js';
import { keepNewest } from './keep-newest.js';

/** How far the clocks of servers are ahead of ours, in milliseconds, as far as they have said. */
export interface ServerClocks {
  /** What this origin last said, or else any other. */
  skewOf(origin: string): number | undefined;
  /** Notes the clock of an answer, and returns how far it is ahead, where it says so. */
  learn(origin: string, answer: Measured): number | undefined;
}

/** An answer, and when its request was sent and it came. */
export interface Measured {
  readonly response: Response;
  readonly method: string;
  readonly sentAt: number;
  readonly receivedAt: number;
}

const MAX_ORIGINS = 100;

/** Keeps in memory what servers say of their clocks. */
export function createServerClocks(): ServerClocks {
  const skews = new Map<string, number>();
  let newest: number | undefined;
  return {
    skewOf: (origin) => skews.get(origin) ?? newest,
    learn(origin, { response, method, sentAt, receivedAt }) {
      const skewMs = skewOfDate(response.headers.get('date'), sentAt, receivedAt);
      if (skewMs === undefined) return undefined;
      // An answer out of a cache has the date of its making. What was refused, or posted, comes from the server.
      const isLive = !/^(GET|HEAD)$/.test(method) || [400, 401, 403].includes(response.status);
      const known = skews.get(origin) ?? newest ?? 0;
      if (!isLive && skewMs < known && !isSameSkew(skewMs, known)) return undefined;
      keepNewest(skews, origin, skewMs, MAX_ORIGINS);
      newest = skewMs;
      return skewMs;
    },
  };
}
