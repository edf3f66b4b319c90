import { createFetch, type TokenSource } from 'evertoken';

/** A GraphQL API that refuses an access token by a 200, and takes it in a header of its own. */
export function createApi(tokens: TokenSource): typeof fetch {
  return createFetch(tokens, {
    origins: ['https://api.example'],
    authorize: (headers, accessToken) => headers.set('x-access-token', accessToken),
    rejected: async (response) => {
      if (response.status !== 200) return response.status === 401;
      if (!response.headers.get('content-type')?.includes('json')) return false;
      const { errors = [] } = (await response.json()) as { errors?: { extensions?: { code?: string } }[] };
      return errors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
    },
  });
}
