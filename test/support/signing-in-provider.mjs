// A real OpenID provider (oidc-provider 9) on a loopback port that signs people in: its user agrees to everything, and
// `visit` is their browser, with cookies and redirects.
import { createServer } from 'node:http';
import Provider, { errors } from 'oidc-provider';

const APIS = ['https://api.test/', 'https://files.test/', 'https://mail.test/'];
const CALLBACK = 'https://app.test/callback';

/**
 * With `dpop`, tokens are bound to keys; with `'nonces'` every proof needs one, at the provider and at its userinfo endpoint.
 *
 * @returns {Promise<{ issuer: string, requests: string[], visit(url: string): Promise<string>, confirm(url: string): Promise<void>, close(): Promise<void> }>}
 */
export async function startSigningInProvider({ jwks, dpop } = {}) {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration(jwks, dpop));
  const callback = provider.callback();
  const requests = [];
  server.on('request', (request, response) => {
    const { pathname } = new URL(request.url, issuer);
    requests.push(`${request.method} ${pathname}`);
    if (pathname.startsWith('/interaction/')) agree(provider, request, response);
    else callback(request, response);
  });
  const browse = createBrowser();
  return {
    issuer,
    requests,
    visit: (url) => browse(url, (location) => !location.startsWith(issuer)),
    confirm: async (url) => {
      const page = await browse(url, () => false);
      const form = Object.fromEntries(
        [...page.matchAll(/name="(\w+)"[^>]*value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
      );
      await browse(`${issuer}/device`, () => false, new URLSearchParams({ ...form, confirm: 'yes' }));
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}

async function agree(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  const { params, prompt, grantId } = details;
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: params.login_hint ?? 'ada' } });
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: details.session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

/** Follows redirects with cookies, until one leads out or a page comes. */
function createBrowser() {
  const jar = new Map();
  return async (start, isOut, form) => {
    let url = start;
    let body = form;
    for (let step = 0; step < 20; step++) {
      const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '), accept: 'text/html' };
      const response = await fetch(url, { redirect: 'manual', headers, ...(body && { method: 'POST', body }) });
      body = undefined;
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        if (value) jar.set(name, value);
        else jar.delete(name);
      }
      const location = response.headers.get('location');
      if (location === null) return response.text();
      url = new URL(location, url).href;
      if (isOut(url)) return url;
    }
    throw new Error('too many redirects');
  };
}

function configuration(jwks, dpop) {
  const none = { redirect_uris: [], response_types: [] };
  return {
    clients: [
      {
        client_id: 'app',
        token_endpoint_auth_method: 'none',
        application_type: 'web',
        redirect_uris: [CALLBACK],
        post_logout_redirect_uris: ['https://app.test/bye'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
      },
      { client_id: 'api', client_secret: 's-_.~ +secret', ...none, grant_types: ['client_credentials'] },
      ...(jwks
        ? [
            {
              client_id: 'job',
              token_endpoint_auth_method: 'private_key_jwt',
              token_endpoint_auth_signing_alg: 'ES256',
              jwks,
              ...none,
              grant_types: ['client_credentials'],
            },
          ]
        : []),
    ],
    cookies: { keys: ['test'] },
    scopes: ['openid', 'offline_access', 'orders', 'admin'],
    enabledJWA: { clientAuthSigningAlgValues: ['ES256'] },
    acrValues: ['mfa'],
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true, allowedPolicy: () => true },
      introspection: { enabled: true, allowedPolicy: () => true },
      clientCredentials: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      deviceFlow: { enabled: true },
      registration: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      ...(dpop && {
        dPoP: {
          enabled: true,
          ...(dpop === 'nonces' && { nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true }),
        },
      }),
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => {
          if (!APIS.includes(resource)) throw new errors.InvalidTarget();
          return { scope: 'orders admin', audience: resource, accessTokenTTL: 60, accessTokenFormat: 'jwt' };
        },
      },
    },
    rotateRefreshToken: true,
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      RefreshToken: 3600,
      Grant: 7200,
      Session: 7200,
      AccessToken: 60,
      IdToken: 60,
      DeviceCode: 600,
      Interaction: 600,
    },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  };
}
