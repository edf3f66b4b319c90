import { createFetch, createTokenManager, type Platform, type TokenManager, tokenEndpoint } from 'evertoken';
import { browser } from 'evertoken/browser';
import { browserKeys, dpop } from 'evertoken/dpop';
import {
  createSignIn,
  forResource,
  type OAuthClientOptions,
  oauthClient,
  refreshWith,
  revokeWith,
  type SignIn,
} from 'evertoken/oauth';
import { webStorage } from 'evertoken/web-storage';

/**
 * What the address of the page chooses: `?storage=local`, `?issuer=http://localhost:9000`, `?dpop`,
 * `?proactive=false`, `?timeout=2000`; `?backend` signs in at a backend of our own instead of by redirects, `?cookie` leaves it the refresh token.
 */
const choices = new URLSearchParams(location.search);

/** Set while the network of this tab is cut; see the button of that name. */
export const network = { isCut: false };

const send: typeof fetch = (input, init) =>
  network.isCut ? Promise.reject(new TypeError('The network is cut.')) : fetch(input, init);

/** Whether the refresh token is in an HttpOnly cookie, out of reach of any script. */
export const inCookie: boolean = choices.has('cookie');
/** Whether a backend of our own signs in, and this page is never left for it. */
export const hasBackend: boolean = inCookie || choices.has('backend');

/** Whether the next sign-in is bound to a key of this device (DPoP, RFC 9449). */
export const isBound: boolean = choices.has('dpop');

const platform: Platform = choices.get('storage') === 'local' ? browser({ storage: webStorage('local') }) : browser();

/** What the access tokens of the session are for, and those of the other APIs (RFC 8707); the page itself calls the first two. */
const SHOP = 'urn:shop';
export const INVOICES = 'urn:invoices';
const others = [INVOICES, 'urn:files', 'urn:reports'];

const settings: OAuthClientOptions = {
  issuer: choices.get('issuer') || location.origin,
  clientId: 'spa',
  redirectUri: comeBackTo(),
  scopes: ['openid', 'profile'],
  resource: [SHOP, ...others],
  fetch: send,
  allowInsecure: true,
};

// Both know the keys, whatever the switch says: another tab may have signed in with one. A session without goes on without.
const keys = dpop({ keys: browserKeys() });
const client = oauthClient({ ...settings, dpop: keys });

const withBackend = {
  refresh: tokenEndpoint({ url: `${location.origin}/token`, clientId: 'spa', fetch: send, allowInsecure: true }),
  revoke: ({ refreshToken = '', signal }: { refreshToken?: string; signal: AbortSignal }) =>
    send('/revoke', {
      method: 'POST',
      body: new URLSearchParams({ token: refreshToken, client_id: 'spa' }),
      keepalive: true, // it gets there although the page leaves
      signal,
    }),
};

/** One session for all tabs and workers of this page, and one refresh at a time. */
export const tokens: TokenManager = createTokenManager({
  ...(hasBackend ? withBackend : { refresh: refreshWith(client), revoke: revokeWith(client) }),
  platform,
  refreshTokenIn: inCookie ? 'cookie' : 'response',
  proactive: choices.get('proactive') !== 'false',
  timeoutMs: Number(choices.get('timeout') ?? 10_000),
});

/** Like `fetch`, with the access token for our own origin, and a proof where it is bound to a key. */
export const api: typeof fetch = createFetch(tokens, {
  origins: [location.origin],
  fetch: keys.fetch(tokens, send),
  allowInsecure: true,
});

/** Each of the other APIs takes access tokens of its own, from the same sign-in. */
const apis = new Map(
  others.map((resource) => {
    const source = forResource(tokens, { resource });
    const options = { origins: [location.origin], fetch: keys.fetch(source, send), allowInsecure: true };
    return [resource, createFetch(source, options)];
  }),
);

/** Calls another API, with the access token for it. */
export function callResource(resource: string): Promise<Response> {
  const call = apis.get(resource);
  if (!call) throw new Error(`Expected one of ${others.join(', ')}, got ${resource}.`);
  return call(`/api/resource/${encodeURIComponent(resource)}`);
}

/** Signing in and out by redirects. */
export const signIn: SignIn = createSignIn({ client, tokens, platform });

/** Begins a sign-in that is bound to a key, or one that is not. */
export const begin: SignIn['begin'] = isBound
  ? signIn.begin
  : createSignIn({ client: oauthClient(settings), tokens, platform }).begin;

/** Signs in at the backend, without leaving the page. */
export async function signInAtBackend(user: string): Promise<void> {
  const body = new URLSearchParams({ user, scope: 'openid profile', client_id: 'spa' });
  const response = await send('/sign-in', { method: 'POST', body });
  await tokens.startSession(await response.json());
}

/** This page, with what its address has chosen, and without what a server or a test has added. */
function comeBackTo(): string {
  const names = ['storage', 'issuer', 'dpop', 'proactive', 'timeout'];
  const kept = new URLSearchParams([...choices].filter(([name]) => names.includes(name)));
  return `${location.origin}/${kept.size > 0 ? `?${kept}` : ''}`;
}
