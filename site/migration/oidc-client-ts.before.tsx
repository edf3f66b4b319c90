import { WebStorageStateStore } from 'oidc-client-ts';
import type { ReactElement } from 'react';
import { AuthProvider, useAuth } from 'react-oidc-context';

export function Root(): ReactElement {
  return (
    <AuthProvider
      authority="https://auth.example"
      client_id="shop"
      redirect_uri="https://shop.example/callback"
      scope="openid offline_access orders"
      automaticSilentRenew
      userStore={new WebStorageStateStore({ store: localStorage })}
      onSigninCallback={() => history.replaceState(null, '', '/')}
    >
      <Orders />
    </AuthProvider>
  );
}

function Orders(): ReactElement {
  const auth = useAuth();
  if (auth.isLoading) return <p>...</p>;
  if (auth.error) return <p>{auth.error.message}</p>;
  if (!auth.user) {
    return (
      <button type="button" onClick={() => void auth.signinRedirect()}>
        Sign in
      </button>
    );
  }
  const read = () =>
    fetch('https://api.example/orders', { headers: { Authorization: `Bearer ${auth.user?.access_token}` } });
  return (
    <>
      <p>{auth.user.profile.name}</p>
      <button type="button" onClick={() => void read()}>
        Orders
      </button>
      <button type="button" onClick={() => void auth.signoutRedirect()}>
        Sign out
      </button>
    </>
  );
}
