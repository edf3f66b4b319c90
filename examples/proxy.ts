import { createFetch, createTokenManager, type Platform, type TokenManager, tokenEndpoint } from 'evertoken';

/**
 * For a runtime that does not look at HTTPS_PROXY by itself: the `fetch` of undici, with a `new EnvHttpProxyAgent()` of undici
 * as the dispatcher. Both from the same version of it.
 */
export function throughProxy(send: typeof fetch, dispatcher: object): typeof fetch {
  return (input, init) => send(input, { ...init, dispatcher } as RequestInit);
}

/** All that goes out takes the same way: refreshes, the revocation at a sign-out, and calls of the API. */
export function createClient(send: typeof fetch, platform: Platform): { tokens: TokenManager; api: typeof fetch } {
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders', fetch: send }),
    revoke: ({ refreshToken = '', signal }) =>
      send('https://auth.example/revoke', {
        method: 'POST',
        body: new URLSearchParams({ token: refreshToken, client_id: 'orders' }),
        signal,
      }),
    platform,
  });
  return { tokens, api: createFetch(tokens, { origins: ['https://api.example'], fetch: send }) };
}
