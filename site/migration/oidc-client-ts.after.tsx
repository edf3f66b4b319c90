import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';
import { SessionProvider, useSession } from 'evertoken/react';
import type { ReactElement } from 'react';

const platform = browser();
const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'shop',
  redirectUri: 'https://shop.example/callback',
  scopes: ['openid', 'offline_access', 'orders'],
});
export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, { origins: ['https://api.example'] });

/** Awaited before the first rendering. */
export async function start(): Promise<void> {
  await adoptOldSession();
  const done = await signIn.finish(location.href);
  if (done) history.replaceState(null, '', done.returnTo ?? '/');
}

/** Whoever was signed in with oidc-client-ts stays so. */
async function adoptOldSession(): Promise<void> {
  const key = 'oidc.user:https://auth.example:shop';
  const stored = localStorage.getItem(key);
  if (stored === null) return;
  localStorage.removeItem(key);
  const { expires_at, ...user } = JSON.parse(stored);
  const secondsLeft = Math.floor(expires_at - Date.now() / 1_000);
  const { access_token, refresh_token, id_token, token_type, scope } = user;
  if (!refresh_token) return; // it was renewed in a frame: the user signs in once more
  await tokens.startSession(
    { access_token, refresh_token, id_token, token_type, scope, expires_in: Math.max(1, secondsLeft) },
    { issuer: 'https://auth.example' },
  );
}

export function Root(): ReactElement {
  return (
    <SessionProvider tokens={tokens}>
      <Orders />
    </SessionProvider>
  );
}

function Orders(): ReactElement {
  const [status, name, error] = useSession((session) => [session.status, session.claims?.name, session.error] as const);
  if (status === 'loading') return <p>...</p>;
  if (status === 'none') {
    return (
      <button type="button" onClick={async () => location.assign(await signIn.begin({ returnTo: location.pathname }))}>
        {error ? `Sign in again: ${error.message}` : 'Sign in'}
      </button>
    );
  }
  return (
    <>
      <p>{String(name)}</p>
      <button type="button" onClick={() => void api('https://api.example/orders')}>
        Orders
      </button>
      <button type="button" onClick={async () => location.assign((await signIn.end()) ?? '/')}>
        Sign out
      </button>
    </>
  );
}
