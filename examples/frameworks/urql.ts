import { Client, fetchExchange } from '@urql/core';
import { createFetch, type TokenSource } from 'evertoken';
import { graphqlAs401 } from './graphql-as-401.js';

/** A client of urql; add your own exchanges before `fetchExchange`, but none for authentication. */
export function createClient(tokens: TokenSource, url: string): Client {
  const send = graphqlAs401((input, init) => fetch(input, init));
  const api = createFetch(tokens, { origins: [new URL(url).origin], fetch: send });
  return new Client({ url, exchanges: [fetchExchange], fetch: api, preferGetMethod: false });
}
