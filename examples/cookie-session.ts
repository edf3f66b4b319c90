import { createTokenManager, type TokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';

/** The refresh token lives in an HttpOnly cookie of a backend for this frontend; script never sees it. */
export function createTokens(): TokenManager {
  return createTokenManager({
    refreshTokenIn: 'cookie',
    refresh: ({ signal }) => fetch('https://bff.example/token', { method: 'POST', credentials: 'include', signal }),
    revoke: ({ signal }) =>
      fetch('https://bff.example/logout', { method: 'POST', credentials: 'include', keepalive: true, signal }),
    // at the first use this backend says by a plain 401 that nobody is signed in, and later that it is over
    endsSession: ({ kind, status }) => kind === 'dead' || status === 401,
    // one session for all tabs: without it, each tab would present the cookie for itself
    platform: browser(),
  });
}

/**
 * After each sign-in, be it by `fetch` or by a page of the backend that leads back here: asks the endpoint whom the cookie
 * belongs to now. Without it, a page goes on with what it knows: that nobody is signed in, or the user before.
 */
export const signedIn = (tokens: TokenManager): Promise<void> => tokens.startSession();
