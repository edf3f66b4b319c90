import { createFetch, type TokenSource } from 'evertoken';
import createClient, { type Client } from 'openapi-fetch';

/** A client of an API that OpenAPI describes; `Paths` is what openapi-typescript makes of the description. */
export function createApi<Paths extends object>(tokens: TokenSource, url: string): Client<Paths> {
  const fetch = createFetch(tokens, { origins: [new URL(url).origin] });
  return createClient<Paths>({ baseUrl: url, fetch });
}
