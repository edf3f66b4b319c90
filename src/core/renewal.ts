import { isUsable } from './freshness.js';
import type { RefreshReason } from './session-events.js';
import type { TokenSet } from './token-set.js';

/** What a wish for new tokens leads to: a request, the end of the session, or nothing, because there is nothing to present. */
export type Renewal = 'ask' | 'expire' | 'nothing';

/** Whether these tokens are the last of their session: the server would have to be given a refresh token, and gave none. */
export function isFinal({ refreshToken }: TokenSet, needsRefreshToken: boolean): boolean {
  return needsRefreshToken && refreshToken === undefined;
}

/**
 * Decides whether to ask for new tokens.
 *
 * Without a refresh token a session lasts as long as its access token: until it expires or, where nobody knows when that
 * is, until a server refuses it.
 */
export function renewal(tokens: TokenSet, reason: RefreshReason, needsRefreshToken: boolean, now: number): Renewal {
  if (!isFinal(tokens, needsRefreshToken)) return 'ask';
  const isRefused = reason === 'rejected' && tokens.expiresAt === undefined;
  return isRefused || !isUsable(tokens, now) ? 'expire' : 'nothing';
}
