import { isUsable } from './freshness.js';
import type { RefreshReason } from './session-events.js';
import type { TokenSet } from './token-set.js';

/** What follows when new tokens are needed: a request, the end of the session, or nothing, without a refresh token. */
export type Renewal = 'ask' | 'expire' | 'nothing';

/** Whether these tokens cannot be refreshed: a refresh token is required, and there is none. */
export function isFinal({ refreshToken }: TokenSet, needsRefreshToken: boolean): boolean {
  return needsRefreshToken && refreshToken === undefined;
}

/**
 * Decides whether to ask for new tokens.
 *
 * Without a refresh token a session lasts as long as its access token: until that expires or, if its expiry is unknown,
 * until a server refuses it.
 */
export function renewal(
  tokens: TokenSet | undefined,
  reason: RefreshReason,
  needsRefreshToken: boolean,
  now: number,
): Renewal {
  if (!tokens) return needsRefreshToken ? 'nothing' : 'ask'; // where there is no session, a cookie may know of one
  if (!isFinal(tokens, needsRefreshToken)) return 'ask';
  const isRefused = reason === 'rejected' && tokens.expiresAt === undefined;
  return isRefused || !isUsable(tokens, now) ? 'expire' : 'nothing';
}
