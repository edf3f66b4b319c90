import { BrowserOAuthClient } from '@atproto/oauth-client-browser';

const { api, did } = globalThis.settings;
// who the user is, and where their data is, would come from a directory
const service = { id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: api };
const client = new BrowserOAuthClient({
  clientMetadata: undefined, // that of a page on loopback
  allowHttp: true,
  identityResolver: {
    resolve: async () => ({ did, didDoc: { id: did, service: [service] }, handle: 'handle.invalid' }),
  },
});

let session;
async function arrive() {
  const result = await client.init();
  session = result?.session;
  return session ? 'signed in' : 'no callback';
}

globalThis.page = {
  begin: async () => (await client.authorize(did)).href,
  arrived: arrive().catch(String),
  call: async (path) => (await session.fetchHandler(path)).status,
  refresh: async () => void (await session.getTokenInfo(true)),
};
