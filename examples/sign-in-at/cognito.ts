import { oauthClient } from 'evertoken/oauth';

const domain = 'https://YOUR-DOMAIN.auth.eu-central-1.amazoncognito.com';

export const client = oauthClient({
  issuer: 'https://cognito-idp.eu-central-1.amazonaws.com/YOUR-POOL-ID',
  clientId: 'YOUR-CLIENT-ID',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'orders/read'], // offline_access is no scope here
});

/** Where to go after `signIn.end()`: Cognito has a way of its own, which no metadata tell. */
export function signedOutUrl(returnTo: string): string {
  return `${domain}/logout?${new URLSearchParams({ client_id: client.clientId, logout_uri: returnTo })}`;
}
