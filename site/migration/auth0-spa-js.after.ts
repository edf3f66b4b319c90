import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

const platform = browser();
const client = oauthClient({
  issuer: 'https://shop.eu.auth0.com/', // with the slash at the end
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'read:orders'],
  parameters: { audience: 'https://api.shop.example' },
});
export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, { origins: ['https://api.example'] });

export async function start(): Promise<void> {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith('@@auth0spajs@@')) localStorage.removeItem(key); // the cache of the old library, tokens included
  }
  const done = await signIn.finish(location.href);
  if (done) history.replaceState(null, '', done.returnTo ?? '/');
}

export async function readOrders(): Promise<unknown> {
  const response = await api('https://api.example/orders');
  return response.json();
}

export async function onSignIn(): Promise<void> {
  location.assign(await signIn.begin({ returnTo: location.pathname + location.search }));
}

export async function onSignOut(): Promise<void> {
  location.assign((await signIn.end({ returnTo: 'https://shop.example/' })) ?? '/');
}
