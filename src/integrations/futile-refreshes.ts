import { hooks } from '../core/hooks.js';
import type { TokenSource } from '../manager/token-manager.js';

/** The memory of URLs whose refusals no refresh mends. */
export interface FutileRefreshes {
  /** Whether a refresh may help a URL that refused this access token. */
  mayHelp(url: string, accessToken: string): boolean;
  /** A URL refused even an access token that had just taken the place of another. */
  add(url: string, accessToken: string): void;
  /** A URL took an access token: its next refusal may have another reason. */
  accept(url: string): void;
}

interface Entry {
  /** What was refused although it was new; undefined once the URL has taken one. */
  accessToken: string | undefined;
  /** How many more refreshes are worth a try until then. */
  left: number;
  /** Epoch milliseconds. */
  readonly until: number;
}

const MAX_URLS = 1_000;
const MAX_LENGTH = 500;
/** How long an access token lives where nobody knows. */
const LIFE_MS = 3_600_000;

/**
 * Counts the refreshes for which a URL was the reason in vain: two at most in the life of an access token.
 *
 * That life is the first one's, because each refresh begins another. A URL is what stands before its query: a request
 * that is repeated often has something else in there. Where nobody tells the time, each access token counts by itself.
 */
export function createFutileRefreshes(tokens: TokenSource): FutileRefreshes {
  const entries = new Map<string, Entry>();
  const life = () => tokens[hooks]?.life?.() ?? { now: 0, expiresAt: Number.POSITIVE_INFINITY };
  const keyOf = (url: string) => url.replace(/[?#].*/s, '').slice(0, MAX_LENGTH);

  function find(url: string): Entry | undefined {
    const entry = entries.get(keyOf(url));
    return entry && life().now < entry.until ? entry : undefined;
  }

  return {
    mayHelp: (url, accessToken) => {
      const entry = find(url);
      return !entry || (entry.left > 0 && entry.accessToken !== accessToken);
    },
    add: (url, accessToken) => {
      let entry = find(url);
      if (!entry) {
        const { now, expiresAt = now + LIFE_MS } = life();
        entry = {
          accessToken: undefined,
          left: expiresAt < Number.POSITIVE_INFINITY ? 2 : expiresAt,
          until: expiresAt,
        };
        for (const oldest of entries.keys()) if (entries.size >= MAX_URLS) entries.delete(oldest);
        entries.set(keyOf(url), entry);
      }
      // the same one again: another of the requests that waited for one refresh
      if (entry.accessToken !== accessToken) entry.left--;
      entry.accessToken = accessToken;
    },
    accept: (url) => {
      const entry = entries.size > 0 ? find(url) : undefined;
      if (entry) entry.accessToken = undefined;
    },
  };
}
