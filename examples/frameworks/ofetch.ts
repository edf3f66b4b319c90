import { createFetch, type TokenSource } from 'evertoken';
import { type $Fetch, createFetch as createOfetch } from 'ofetch';

/** An ofetch, and with it Nuxt's `$fetch`, whose requests to the API carry the access token. */
export function createApi(tokens: TokenSource, url: string): $Fetch {
  const fetch = createFetch(tokens, { origins: [new URL(url).origin] });
  return createOfetch({ fetch, defaults: { baseURL: url } });
}
