import { createTokenManager, type TokenManager } from 'evertoken';

/** A service that speaks for itself (RFC 6749 section 4.4): no sign-in, no refresh token, one access token for all callers. */
export function createTokens(url: string, clientId: string, clientSecret: string): TokenManager {
  return createTokenManager({
    refreshTokenIn: 'none', // the client itself is granted tokens: nothing to present, and nothing that a refusal ends
    refresh: ({ signal }) =>
      fetch(url, {
        method: 'POST',
        headers: { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders.read' }),
        signal,
      }),
  });
}
