// A real OpenID provider (oidc-provider 9) on a loopback port, in this process and without any page: refresh tokens come
// straight from its model, as after a sign-in; everything after that goes over HTTP.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const API = 'urn:api';

/** @returns {Promise<{ issuer: string, signIn(): Promise<string>, isActive(token: string): Promise<boolean>, onRefresh(listener: (status: number) => void): void, close(): Promise<void> }>} */
export async function startOpenIdProvider() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  const listeners = [];
  const told = (status) => {
    for (const tell of listeners) tell(status);
  };
  const callback = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/token') response.on('finish', () => told(response.statusCode));
    callback(request, response);
  });

  async function signIn() {
    const client = await provider.Client.find('app');
    const grant = new provider.Grant({ accountId: 'ada', clientId: 'app' });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(API, 'api');
    const now = Math.floor(Date.now() / 1000);
    return new provider.RefreshToken({
      accountId: 'ada',
      client,
      clientId: 'app',
      grantId: await grant.save(),
      gty: 'authorization_code',
      scope: 'openid offline_access api',
      resource: API,
      authTime: now,
      rotations: 0,
      iiat: now,
      claims: { rejected: [] },
      sessionUid: 'test',
      expiresWithSession: false,
    }).save();
  }

  return {
    issuer,
    signIn,
    isActive: async (token) => {
      const response = await fetch(`${issuer}/token/introspection`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('api:api-secret')}` },
        body: new URLSearchParams({ token }),
      });
      return (await response.json()).active;
    },
    onRefresh: (listener) => listeners.push(listener),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}

function configuration() {
  const none = { redirect_uris: [], response_types: [] };
  const app = { client_id: 'app', token_endpoint_auth_method: 'none', application_type: 'native' };
  return {
    clients: [
      {
        ...app,
        redirect_uris: ['http://127.0.0.1/cb'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
      { client_id: 'api', client_secret: 'api-secret', ...none, grant_types: ['client_credentials'] },
    ],
    cookies: { keys: ['test'] },
    scopes: ['openid', 'offline_access'],
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true, allowedPolicy: () => true },
      introspection: { enabled: true, allowedPolicy: () => true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'api', audience: API, accessTokenTTL: 60, accessTokenFormat: 'jwt' }),
      },
    },
    rotateRefreshToken: true,
    ttl: { RefreshToken: 3600, Grant: 7200, Session: 7200, AccessToken: 60, IdToken: 60 },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  };
}
