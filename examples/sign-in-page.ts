import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

const platform = browser();
const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'orders'],
});
export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
export const signIn = createSignIn({ client, tokens, platform });
export const api = createFetch(tokens, { origins: ['https://api.example'] });

/** Once, when the page starts, before the first call. */
export async function start(): Promise<void> {
  const done = await signIn.finish(location.href);
  if (done) history.replaceState(null, '', done.returnTo ?? '/');
}

/** A button. */
export async function onSignIn(): Promise<void> {
  location.assign(await signIn.begin({ returnTo: location.pathname + location.search }));
}

/** Another one: here, in every tab, and at the server itself. */
export async function onSignOut(): Promise<void> {
  location.assign((await signIn.end({ returnTo: 'https://shop.example/' })) ?? '/');
}
