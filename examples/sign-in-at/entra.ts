import { oauthClient } from 'evertoken/oauth';

export const client = oauthClient({
  issuer: 'https://login.microsoftonline.com/YOUR-TENANT-ID/v2.0', // the tenant's identifier, not common or organizations
  clientId: 'YOUR-APPLICATION-ID',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'api://YOUR-API/orders.read'],
});
