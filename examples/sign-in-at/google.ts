import { oauthClient } from 'evertoken/oauth';

/** For a server or a command-line tool: Google wants a secret, which a page cannot keep. */
export const client = oauthClient({
  issuer: 'https://accounts.google.com',
  clientId: 'YOUR-CLIENT-ID.apps.googleusercontent.com',
  authentication: { secret: 'YOUR-SECRET', method: 'post' },
  scopes: ['openid', 'https://www.googleapis.com/auth/drive.file'],
  parameters: { access_type: 'offline', prompt: 'consent' }, // instead of the scope offline_access
});
