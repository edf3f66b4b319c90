import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';
import { SessionProvider, useSession } from 'evertoken/react';
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

const platform = browser(); // one session for all tabs
const client = oauthClient({
  issuer: 'https://auth.example', // decide: who signs your users in
  clientId: 'shop', // decide: what you are called there
  redirectUri: 'https://shop.example/callback', // decide: where users come back to
  scopes: ['openid', 'offline_access', 'orders'], // decide: what you ask for
});
const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, { origins: ['https://api.example'] }); // decide: who is sent the access token

const enter = async () => location.assign(await signIn.begin({ returnTo: location.pathname }));
const leave = async () => location.assign((await signIn.end({ returnTo: location.origin })) ?? '/'); // decide: and then
async function arrive(): Promise<void> {
  const done = await signIn.finish(location.href);
  if (done) history.replaceState(null, '', done.returnTo ?? '/');
}

function Shop() {
  const status = useSession((session) => session.status);
  const [text, setText] = useState('');
  useEffect(() => void arrive().catch(({ message }) => setText(message)), []);
  const load = async () => setText(await (await api('https://api.example/orders')).text());
  if (status !== 'active') return [<input key="in" type="button" value="Sign in" onClick={enter} />, text];
  const buttons = { Orders: load, 'Sign out': leave };
  return [
    ...Object.entries(buttons).map(([value, go]) => <input key={value} type="button" value={value} onClick={go} />),
    text,
  ];
}

const session = <SessionProvider tokens={tokens}>{<Shop />}</SessionProvider>;
createRoot(document.body).render(<StrictMode>{session}</StrictMode>);
