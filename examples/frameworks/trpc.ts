import { createTRPCClient, httpLink, type TRPCClient } from '@trpc/client';
import { createFetch, type TokenSource } from 'evertoken';
import type { appRouter } from './trpc-router.js';

/**
 * A client of tRPC whose calls carry the access token.
 *
 * `httpBatchLink` takes the same `fetch`; a batch of which only a part is refused is answered with 207, and not replayed.
 */
export function createApi(tokens: TokenSource, url: string): TRPCClient<typeof appRouter> {
  const api = createFetch(tokens, { origins: [new URL(url).origin] });
  return createTRPCClient<typeof appRouter>({
    links: [httpLink({ url, fetch: (input, init) => api(input, init as RequestInit) })],
  });
}
