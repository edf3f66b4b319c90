import { createClient } from '@supabase/supabase-js';
import { createFetch, createTokenManager, findTokenError } from 'evertoken';
import { browser } from 'evertoken/browser';

const project = 'https://project.supabase.co';
const publishableKey = 'publishable-key';

/** One request to Supabase Auth. */
function ask(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', apikey: publishableKey, ...init.headers };
  return fetch(`${project}/auth/v1/${path}`, { ...init, method: 'POST', headers, body: JSON.stringify(body) });
}

export const tokens = createTokenManager({
  key: 'supabase',
  refresh: ({ refreshToken, signal }) =>
    ask('token?grant_type=refresh_token', { refresh_token: refreshToken }, { signal }),
  revoke: ({ accessToken, signal }) =>
    ask('logout?scope=local', {}, { signal, keepalive: true, headers: { Authorization: `Bearer ${accessToken}` } }),
  platform: browser(),
});

const supabase = createClient(project, publishableKey, {
  // with this, `supabase.auth` is off: there is one owner of the session, and it is `tokens`
  accessToken: () =>
    tokens.getAccessToken().catch((error: unknown) => {
      if (findTokenError(error)?.code === 'ERR_NO_SESSION') return null; // nobody is signed in: as the anonymous role
      throw error;
    }),
});
const api = createFetch(tokens, { origins: ['https://api.example'] });

export async function onSignIn(email: string, password: string): Promise<void> {
  const response = await ask('token?grant_type=password', { email, password });
  if (!response.ok) throw new Error(`signing in failed: ${response.status}`);
  await tokens.startSession(await response.json());
}

/** Once, before the first request: whoever was signed in with supabase-js stays so. */
export async function adoptOldSession(): Promise<void> {
  const stored = localStorage.getItem('sb-project-auth-token');
  if (stored === null) return;
  localStorage.removeItem('sb-project-auth-token');
  const { access_token, refresh_token, expires_at } = JSON.parse(stored);
  const secondsLeft = Math.floor(expires_at - Date.now() / 1_000);
  await tokens.startSession({ access_token, refresh_token, expires_in: Math.max(1, secondsLeft) });
}

export const onSignOut = (): Promise<void> => tokens.endSession();

export async function readOrders(): Promise<unknown> {
  const { data, error } = await supabase.from('orders').select();
  if (error) throw error;
  return data;
}

/** A function of your own beside the database. */
export const bill = (): Promise<Response> => api('https://api.example/bills', { method: 'POST' });
