import type { TokenSource } from 'evertoken';
import { type Client, type ClientOptions, createClient } from 'graphql-ws';

/** Subscriptions that present a fresh access token whenever they connect; one that is refused by 4403 is replaced first. */
export function createSubscriptions(tokens: TokenSource, url: string, options?: Partial<ClientOptions>): Client {
  let presented = '';
  let isRefused = false;
  return createClient({
    ...options,
    url,
    connectionParams: async () => {
      presented = await (isRefused ? tokens.replaceAccessToken(presented) : tokens.getAccessToken());
      isRefused = false;
      return { accessToken: presented };
    },
    on: {
      ...options?.on,
      closed: (event) => {
        isRefused = (event as { code?: number }).code === 4403; // after 4401 graphql-ws would give up
      },
    },
    shouldRetry: () => true,
  });
}
