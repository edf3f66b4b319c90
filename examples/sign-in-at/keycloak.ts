import { oauthClient } from 'evertoken/oauth';

export const client = oauthClient({
  issuer: 'https://sso.example/realms/YOUR-REALM',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid'], // offline_access only for a session that outlives the one at Keycloak
});
