import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

const platform = browser();
const client = oauthClient({
  issuer: 'https://sso.example/realms/shop',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid'],
});
export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, { origins: ['https://api.example'] });

export async function start(): Promise<boolean> {
  const done = await signIn.finish(location.href);
  if (done) history.replaceState(null, '', done.returnTo ?? '/');
  return (await tokens.ready()).status === 'active';
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

/** What to show, not what is allowed: claims are unverified. The mapper of the roles has to add them to the ID token. */
export function isAdministrator(): boolean {
  const access = tokens.getSnapshot().claims?.realm_access as { roles?: string[] } | undefined;
  return access?.roles?.includes('administrator') ?? false;
}
