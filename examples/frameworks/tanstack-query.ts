import { QueryClient } from '@tanstack/query-core';
import { isTokenError, type TokenManager } from 'evertoken';

/** Tries again when that can help, and keeps nothing of one user for the next; with React, Vue, Solid and Svelte alike. */
export function createQueryClient(tokens: TokenManager): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        // without `retryAt` waiting does not help: somebody has to sign in, or correct the code
        retry: (failures, error) => failures < 3 && (!isTokenError(error) || error.retryAt !== undefined),
        retryDelay: (failures, error) =>
          isTokenError(error) ? Math.max(0, (error.retryAt ?? 0) - Date.now()) : 1_000 * 2 ** failures,
      },
    },
  });
  // a cache belongs to a session, not to an access token: it outlives a refresh, and no sign-out
  let owner = tokens.getSnapshot();
  tokens.subscribe(() => {
    const session = tokens.getSnapshot();
    if (owner.status !== 'loading' && owner.sessionId !== session.sessionId) client.clear();
    owner = session;
  });
  return client;
}
