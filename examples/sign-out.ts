import { createTokenManager, type Platform, type TokenManager, tokenEndpoint } from 'evertoken';

/** Signing out ends the session here, in every tab and process on this storage, and at the server (RFC 7009). */
export function createTokens(platform: Platform, toSignIn: (why: string) => void): TokenManager {
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }),
    revoke: ({ refreshToken, signal }) =>
      fetch('https://auth.example/revoke', {
        method: 'POST',
        keepalive: true, // it gets there although the page leaves
        body: new URLSearchParams({ token: refreshToken ?? '', client_id: 'shop' }),
        signal,
      }),
    platform,
  });
  // heard in every tab: `ended` in the one that signed out, `peer` in the others
  tokens.on('sessionEnded', ({ reason }) => toSignIn(reason));
  return tokens;
}
