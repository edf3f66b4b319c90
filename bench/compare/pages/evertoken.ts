import { createFetch, createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';
import { browserKeys, dpop } from 'evertoken/dpop';
import { createSignIn, forResource, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';
import type { ComparedPage, Settings } from '../compared-page.js';

declare const settings: Settings;

const { issuer, api: origin, isBound, audiences = [] } = settings;
const platform = browser();
const keys = dpop({ keys: browserKeys() });
const client = oauthClient({
  issuer,
  clientId: 'shop',
  redirectUri: `${location.origin}/`,
  scopes: ['openid', 'offline_access', 'orders'],
  allowInsecure: true,
  ...(audiences.length > 0 && { resource: audiences }),
  ...(isBound && { dpop: keys }),
});
const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, {
  origins: [origin],
  allowInsecure: true,
  ...(isBound && { fetch: keys.fetch(tokens) }),
});

const sources = new Map(
  audiences.map((resource, at) => [resource, at > 0 ? forResource(tokens, { resource }) : tokens]),
);

const page: ComparedPage = {
  begin: () => signIn.begin(),
  arrived: signIn.finish(location.href).then((done) => (done ? 'signed in' : 'no callback'), String),
  call: async (path) => (await api(origin + path)).status,
  refresh: async () => void (await tokens.refresh()),
  tokensFor: (wanted) =>
    Promise.all(
      wanted.map(async (audience) => {
        try {
          return { token: await (sources.get(audience) ?? tokens).getAccessToken() };
        } catch (error) {
          return { error: String(error) };
        }
      }),
    ),
};
Object.assign(globalThis, { page });
