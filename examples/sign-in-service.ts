import { createTokenManager, type TokenManager } from 'evertoken';
import { grant, oauthClient } from 'evertoken/oauth';

/** A service that speaks for itself: one access token for all callers, by client credentials. */
export function createTokens(issuer: string, clientId: string, secret: string): TokenManager {
  const client = oauthClient({ issuer, clientId, authentication: { secret } });
  return createTokenManager({
    refreshTokenIn: 'none', // the client itself is the grant
    refresh: grant(client, 'client_credentials', { scope: 'orders.read' }),
  });
}
