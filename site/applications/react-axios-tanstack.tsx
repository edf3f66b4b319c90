import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import axios from 'axios';
import { createTokenManager, isTokenError } from 'evertoken';
import { tokenAdapter } from 'evertoken/axios';
import { browser } from 'evertoken/browser';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';
import { SessionProvider, useSession } from 'evertoken/react';
import { type ReactElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

// Who is signed in: one session for all tabs.
const platform = browser();
const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'orders'],
});
const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });

// What is asked: axios with the access token, and a cache that tries again only when waiting can help.
const origins = ['https://api.example'];
const api = axios.create({ baseURL: 'https://api.example', adapter: tokenAdapter(tokens, { axios, origins }) });
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < 3 && (!isTokenError(error) || error.retryAt !== undefined),
      retryDelay: (failures, error) =>
        isTokenError(error) ? Math.max(0, (error.retryAt ?? 0) - Date.now()) : 1_000 * 2 ** failures,
    },
  },
});
let owner = tokens.getSnapshot(); // what is kept belongs to a session: it outlives a refresh, and no sign-out
tokens.subscribe(() => {
  const session = tokens.getSnapshot();
  if (owner.status !== 'loading' && owner.sessionId !== session.sessionId) queries.clear();
  owner = session;
});

function Orders(): ReactElement {
  const { data, error } = useQuery({
    queryKey: ['orders'],
    queryFn: async ({ signal }) => (await api.get<{ title: string }[]>('/orders', { signal })).data,
  });
  if (error) return <p>{error.message}</p>;
  return (
    <ul>
      {data?.map(({ title }) => (
        <li key={title}>{title}</li>
      ))}
    </ul>
  );
}

function App(): ReactElement {
  const status = useSession((session) => session.status);
  const enter = async () => location.assign(await signIn.begin({ returnTo: location.pathname }));
  const leave = async () => location.assign((await signIn.end({ returnTo: location.origin })) ?? '/');
  if (status === 'loading') return <p>...</p>;
  return (
    <>
      <button type="button" onClick={status === 'none' ? enter : leave}>
        {status === 'none' ? 'Sign in' : 'Sign out'}
      </button>
      {status === 'active' && <Orders />}
    </>
  );
}

// Where a sign-in comes back to is any page: an address that is no callback gives undefined.
const done = await signIn.finish(location.href);
if (done) history.replaceState(null, '', done.returnTo ?? '/');
createRoot(document.body).render(
  <StrictMode>
    <SessionProvider tokens={tokens}>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </SessionProvider>
  </StrictMode>,
);
