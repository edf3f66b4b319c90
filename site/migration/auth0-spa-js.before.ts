import { createAuth0Client } from '@auth0/auth0-spa-js';

const auth0 = await createAuth0Client({
  domain: 'shop.eu.auth0.com',
  clientId: 'shop',
  useRefreshTokens: true,
  cacheLocation: 'localstorage',
  authorizationParams: {
    redirect_uri: 'https://shop.example/callback',
    audience: 'https://api.shop.example',
    scope: 'openid offline_access read:orders',
  },
});

export async function start(): Promise<void> {
  if (!location.search.includes('code=')) return;
  const { appState } = await auth0.handleRedirectCallback<{ returnTo: string }>();
  history.replaceState(null, '', appState?.returnTo ?? '/');
}

export async function readOrders(): Promise<unknown> {
  const accessToken = await auth0.getTokenSilently();
  const response = await fetch('https://api.example/orders', { headers: { Authorization: `Bearer ${accessToken}` } });
  return response.json();
}

export const onSignIn = (): Promise<void> =>
  auth0.loginWithRedirect({ appState: { returnTo: location.pathname + location.search } });

export const onSignOut = (): Promise<void> => auth0.logout({ logoutParams: { returnTo: 'https://shop.example/' } });
