import { hooks } from '../core/hooks.js';
import type { TokenSource } from '../manager/token-manager.js';

/** Remembers URLs that still refuse after a refresh. */
export interface FutileRefreshes {
  /** Whether a refresh may help a URL that refused this access token. */
  mayHelp(url: string, accessToken: string): boolean;
  /** Notes that a URL refused an access token that was just refreshed. */
  add(url: string, accessToken: string): void;
  /** Notes that a URL accepted an access token: its next refusal may have another reason. */
  accept(url: string): void;
}

interface Entry {
  /** The new access token that was refused; undefined once the URL accepted one. */
  accessToken: string | undefined;
  /** How many more refreshes are allowed before `until`. */
  left: number;
  /** Epoch milliseconds. */
  readonly until: number;
}

const MAX_URLS = 1_000;
const MAX_LENGTH = 500;
/** The assumed lifetime of an access token whose expiry is unknown. */
const LIFE_MS = 3_600_000;

/**
 * Counts the refreshes that did not help a URL: at most two in the lifetime of an access token.
 *
 * The lifetime is that of the first token, because each refresh starts a new one. A URL counts without its query, which
 * often differs in a repeated request. If the token source has no clock, each access token counts separately.
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
      // The same token again comes from another request that waited for the same refresh.
      if (entry.accessToken !== accessToken) entry.left--;
      entry.accessToken = accessToken;
    },
    accept: (url) => {
      const entry = entries.size > 0 ? find(url) : undefined;
      if (entry) entry.accessToken = undefined;
    },
  };
}
