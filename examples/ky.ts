import { createFetch, type TokenSource } from 'evertoken';
import ky, { type KyInstance } from 'ky';

/** A ky whose requests to the API carry the access token. Everything else about it is ky. */
export function createApi(tokens: TokenSource, url: string): KyInstance {
  const api = createFetch(tokens, { origins: [new URL(url).origin] });
  return ky.create({ baseUrl: url, fetch: api }); // ky 2; before that, and so on Node 20, it is prefixUrl
}
