import { createFetch, createTokenManager, type Platform, type TokenManager } from 'evertoken';
import { forResource, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

// The user is asked once, for both; the first is what the session's own access token is for.
export const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'orders', 'files'],
  resource: ['https://api.example', 'https://files.example'],
});

/** One session, and for each API an access token of its own. */
export function createApis(platform: Platform): { tokens: TokenManager; api: typeof fetch; files: typeof fetch } {
  const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
  const filesTokens = forResource(tokens, { resource: 'https://files.example' });
  return {
    tokens,
    api: createFetch(tokens, { origins: ['https://api.example'] }),
    files: createFetch(filesTokens, { origins: ['https://files.example'] }),
  };
}
