import { createFetch, createTokenManager, tokenEndpoint } from 'evertoken';
import { browser } from 'evertoken/browser';

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }),
  platform: browser(), // one session and one refresh for all tabs, encrypted in IndexedDB
});
export const api = createFetch(tokens, { origins: ['https://api.example'] });

/** Once, with what your sign-in brought: the answer of the token endpoint to an authorization code. */
export async function signedIn(response: Response): Promise<void> {
  await tokens.startSession(await response.json());
}

/** From then on, anywhere. */
export async function readOrders(): Promise<unknown> {
  const response = await api('https://api.example/orders');
  return response.json();
}
