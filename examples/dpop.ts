import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { browserKeys, dpop } from 'evertoken/dpop';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

const platform = browser();
const keys = dpop({ keys: browserKeys() });
const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'orders'],
  dpop: keys,
});
export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
export const signIn = createSignIn({ client, tokens, platform });
export const api = createFetch(tokens, { origins: ['https://api.example'], fetch: keys.fetch(tokens) });

/** A WebSocket of Node, axios, or an upload of the platform: a proof is good for one sending. */
export function headersFor(url: string, method: string): Promise<{ authorization: string; dpop?: string }> {
  return keys.headers(tokens, { url, method });
}
