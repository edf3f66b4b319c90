import { oauthClient } from 'evertoken/oauth';

export const client = oauthClient({
  issuer: 'https://YOUR-ORG.okta.com/oauth2/default', // a custom authorization server; the org itself has none of your scopes
  clientId: 'YOUR-CLIENT-ID',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'orders'],
});
