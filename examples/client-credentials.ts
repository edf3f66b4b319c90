import { createTokenManager, type TokenManager } from 'evertoken';

/** A service that speaks for itself (RFC 6749 section 4.4): no sign-in, no refresh token, one access token for all callers. */
export function createTokens(url: string, clientId: string, clientSecret: string): TokenManager {
  return createTokenManager({
    refreshTokenIn: 'cookie', // there is none that we would have to keep
    refresh: ({ signal }) =>
      fetch(url, {
        method: 'POST',
        headers: { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders.read' }),
        signal,
      }),
  });
}
