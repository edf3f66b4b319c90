import { oauthClient } from 'evertoken/oauth';

/** Your project as an OAuth server (beta). Its own application signs in with supabase-js, whose sessions are its own. */
export const client = oauthClient({
  issuer: 'https://YOUR-PROJECT.supabase.co/auth/v1',
  clientId: 'YOUR-CLIENT-ID',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'email'],
});
