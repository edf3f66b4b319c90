import { Auth0Client } from '@auth0/auth0-spa-js';

const { issuer, api, isBound, audiences = [] } = globalThis.settings;
const client = new Auth0Client({
  domain: `${issuer}/token?`, // see dialects.ts
  clientId: 'shop',
  useRefreshTokens: true,
  cacheLocation: 'localstorage', // a session outlives a reload, as it does with the others
  useDpop: isBound,
  // several audiences, as its documentation of multi-resource refresh tokens has it
  useMrrt: audiences.length > 0,
  authorizationParams: {
    redirect_uri: `${location.origin}/`,
    scope: 'openid offline_access orders',
    audience: audiences[0],
  },
});
const fetcher = isBound ? client.createFetcher({ dpopNonceId: 'api' }) : client.createFetcher({});

async function arrive() {
  if (!new URLSearchParams(location.search).has('code')) return 'no callback';
  await client.handleRedirectCallback();
  return 'signed in';
}

globalThis.page = {
  begin: () => new Promise((resolve, reject) => client.loginWithRedirect({ openUrl: resolve }).catch(reject)),
  arrived: arrive().catch(String),
  call: async (path) => (await fetcher.fetchWithAuth(api + path)).status,
  refresh: async () => void (await client.getTokenSilently({ cacheMode: 'off' })),
  tokensFor: (wanted) =>
    Promise.all(
      wanted.map((audience) =>
        client.getTokenSilently({ authorizationParams: { audience } }).then(
          (token) => ({ token }),
          (error) => ({ error: String(error) }),
        ),
      ),
    ),
};
