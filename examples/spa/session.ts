import { createFetch, createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { browser } from 'evertoken/browser';
import { webStorage } from 'evertoken/web-storage';

/** What the address of the page chooses: `?storage=local`, `?cookie`, `?proactive=false`, `?timeout=2000`. */
const choices = new URLSearchParams(location.search);

/** Set while the network of this tab is cut; see the button of that name. */
export const network = { isCut: false };

const send: typeof fetch = (input, init) =>
  network.isCut ? Promise.reject(new TypeError('The network is cut.')) : fetch(input, init);

/** Whether the refresh token is in an HttpOnly cookie, out of reach of any script. */
export const inCookie: boolean = choices.has('cookie');

/** One session for all tabs and workers of this page, and one refresh at a time. */
export const tokens: TokenManager = createTokenManager({
  refresh: tokenEndpoint({ url: `${location.origin}/token`, clientId: 'spa', fetch: send, allowInsecure: true }),
  revoke: ({ refreshToken = '', signal }) =>
    send('/revoke', {
      method: 'POST',
      body: new URLSearchParams({ token: refreshToken, client_id: 'spa' }),
      keepalive: true, // it gets there although the page leaves
      signal,
    }),
  platform: choices.get('storage') === 'local' ? browser({ storage: webStorage('local') }) : browser(),
  refreshTokenIn: inCookie ? 'cookie' : 'response',
  proactive: choices.get('proactive') !== 'false',
  timeoutMs: Number(choices.get('timeout') ?? 10_000),
});

/** Like `fetch`, with the access token for our own origin. */
export const api: typeof fetch = createFetch(tokens, { origins: [location.origin], fetch: send, allowInsecure: true });

/** Signs in; a real page would come back from the authorization server with a code here. */
export async function signIn(user: string): Promise<void> {
  const body = new URLSearchParams({ user, scope: 'openid profile', client_id: 'spa' });
  const response = await send('/sign-in', { method: 'POST', body });
  await tokens.startSession(await response.json());
}
