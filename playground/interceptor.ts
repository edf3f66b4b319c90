import type { TokenResponse, TokenStorage } from '../src/index.js';
import type { Client, ClientParts } from './client.js';

/**
 * The interceptor that everybody writes: after a 401 it refreshes, one refresh for all calls of the tab, and sends the
 * request again; where the refresh fails it signs out. Both tokens are in `localStorage`.
 */
export function interceptorClient({ platform, items, fetch, server, observer }: ClientParts): Client {
  const { storage } = platform;
  let refreshing: Promise<string> | undefined;
  const read = async (name: string) => (await storage.getItem(name)) ?? '';

  const send = async (token: string) => fetch(server.apiUrl, { headers: { Authorization: `Bearer ${token}` } });

  async function refresh(): Promise<string> {
    const form = { grant_type: 'refresh_token', refresh_token: await read('refresh_token'), client_id: 'shop' };
    const response = await fetch(server.tokenUrl, { method: 'POST', body: new URLSearchParams(form) });
    if (!response.ok) throw new Error(`The refresh failed with ${response.status}.`);
    const tokens = (await response.json()) as TokenResponse;
    await keep(storage, tokens);
    observer.told('refreshed', 'Refreshed after a 401.');
    return tokens.access_token;
  }

  return {
    async call() {
      const token = await read('access_token');
      if (!token) return 'signed out';
      const first = await send(token);
      if (first.status !== 401) return first.status;
      try {
        refreshing ??= refresh().finally(() => {
          refreshing = undefined;
        });
        return (await send(await refreshing)).status;
      } catch (error) {
        if (await read('access_token')) {
          await this.signOut();
          observer.told('sessionEnded', `Signed out, because the refresh failed: ${(error as Error).message}`);
          observer.signedOut();
        }
        return 'failed';
      }
    },
    signIn: (tokens) => keep(storage, tokens),
    async signOut() {
      await storage.removeItem('access_token');
      await storage.removeItem('refresh_token');
    },
    look: () => ({ isSignedIn: items.has('access_token'), isRefreshing: refreshing !== undefined }),
  };
}

async function keep(storage: TokenStorage, tokens: TokenResponse): Promise<void> {
  await storage.setItem('access_token', tokens.access_token);
  await storage.setItem('refresh_token', tokens.refresh_token ?? '');
}
