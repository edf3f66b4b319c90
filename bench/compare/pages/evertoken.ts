import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { browserKeys, dpop } from 'evertoken/dpop';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';
import type { ComparedPage, Settings } from '../compared-page.js';

declare const settings: Settings;

const { issuer, api: origin, isBound } = settings;
const platform = browser();
const keys = dpop({ keys: browserKeys() });
const client = oauthClient({
  issuer,
  clientId: 'shop',
  redirectUri: `${location.origin}/`,
  scopes: ['openid', 'offline_access', 'orders'],
  allowInsecure: true,
  ...(isBound && { dpop: keys }),
});
const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, {
  origins: [origin],
  allowInsecure: true,
  ...(isBound && { fetch: keys.fetch(tokens) }),
});

const page: ComparedPage = {
  begin: () => signIn.begin(),
  arrived: signIn.finish(location.href).then((done) => (done ? 'signed in' : 'no callback'), String),
  call: async (path) => (await api(origin + path)).status,
  refresh: async () => void (await tokens.refresh()),
};
Object.assign(globalThis, { page });
