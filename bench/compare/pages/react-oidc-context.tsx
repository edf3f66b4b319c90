import { WebStorageStateStore } from 'oidc-client-ts';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { AuthProvider, useAuth } from 'react-oidc-context';

const settings = {
  authority: 'https://auth.example', // decide: who signs your users in
  client_id: 'shop', // decide: what you are called there
  redirect_uri: 'https://shop.example/callback', // decide: where users come back to
  post_logout_redirect_uri: 'https://shop.example', // decide: and then
  scope: 'openid offline_access orders', // decide: what you ask for
  userStore: new WebStorageStateStore({ store: localStorage }), // decide: one session for all tabs
  revokeTokensOnSignout: true, // decide: tokens end with the session
  accessTokenExpiringNotificationTimeInSeconds: 60, // decide: when a refresh is due
  onSigninCallback: () => history.replaceState(null, '', '/'),
};

function Shop() {
  const auth = useAuth();
  const [text, setText] = useState('');
  const load = async () => {
    const headers = { Authorization: `Bearer ${auth.user?.access_token}` };
    setText(await (await fetch('https://api.example/orders', { headers })).text());
  };
  if (auth.isLoading) return 'Loading …';
  if (!auth.isAuthenticated)
    return [
      <input key="in" type="button" value="Sign in" onClick={() => auth.signinRedirect()} />,
      auth.error?.message ?? text,
    ];
  const buttons = { Orders: load, 'Sign out': () => auth.signoutRedirect() };
  return [
    ...Object.entries(buttons).map(([value, go]) => <input key={value} type="button" value={value} onClick={go} />),
    text,
  ];
}

const session = <AuthProvider {...settings}>{<Shop />}</AuthProvider>;
createRoot(document.body).render(<StrictMode>{session}</StrictMode>);
