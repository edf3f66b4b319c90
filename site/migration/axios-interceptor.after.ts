import axios from 'axios';
import { createTokenManager, tokenEndpoint } from 'evertoken';
import { tokenAdapter } from 'evertoken/axios';
import { browser } from 'evertoken/browser';

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }),
  platform: browser(),
});
const adapter = tokenAdapter(tokens, { axios, origins: ['https://api.example'] });
export const api = axios.create({ baseURL: 'https://api.example', adapter });

tokens.on('sessionEnded', () => location.assign('/login'));

/** Once, before the first request: whoever was signed in stays so, and the old copy of the tokens is gone. */
export async function adoptOldSession(): Promise<void> {
  const access_token = localStorage.getItem('access_token');
  const refresh_token = localStorage.getItem('refresh_token');
  localStorage.removeItem('access_token');
  localStorage.removeItem('refresh_token');
  if (!access_token || !refresh_token) return;
  // nobody wrote down when it expires: it counts as over in a second, and the first request refreshes
  await tokens.startSession({ access_token, refresh_token, token_type: 'Bearer', expires_in: 1 });
}
