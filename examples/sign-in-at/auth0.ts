import { oauthClient } from 'evertoken/oauth';

export const client = oauthClient({
  issuer: 'https://YOUR-TENANT.eu.auth0.com/', // with the slash at the end
  clientId: 'YOUR-CLIENT-ID',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'read:orders'],
  parameters: { audience: 'https://api.shop.example' }, // without it the access token is for Auth0 itself
});
