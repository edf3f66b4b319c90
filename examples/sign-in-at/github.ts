import { oauthClient } from 'evertoken/oauth';

/** For a server, or a command-line tool that shows a code: GitHub answers no browser (CORS), and has no metadata. */
export const client = oauthClient({
  issuer: {
    issuer: 'https://github.com/login/oauth',
    authorization_endpoint: 'https://github.com/login/oauth/authorize',
    token_endpoint: 'https://github.com/login/oauth/access_token',
    device_authorization_endpoint: 'https://github.com/login/device/code',
  },
  clientId: 'YOUR-CLIENT-ID',
});
