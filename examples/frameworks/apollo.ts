import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { createFetch, type TokenManager } from 'evertoken';
import { graphqlAs401 } from './graphql-as-401.js';

/** A client of Apollo without a link for authentication; what it keeps of one user is gone before the next one reads. */
export function createClient(tokens: TokenManager, url: string): ApolloClient {
  const send = graphqlAs401((input, init) => fetch(input, init));
  const api = createFetch(tokens, { origins: [new URL(url).origin], fetch: send });
  const cache = new InMemoryCache();
  const client = new ApolloClient({ cache, link: new HttpLink({ uri: url, fetch: api }) });
  let owner = tokens.getSnapshot();
  tokens.subscribe(() => {
    const session = tokens.getSnapshot();
    if (owner.status !== 'loading' && owner.sessionId !== session.sessionId) {
      void cache.reset(); // at once; the client only comes to it later
      void client.clearStore(); // and nothing that is on the way arrives
    }
    owner = session;
  });
  return client;
}
