// What an app does, for every bundler: one import of each kind, one refresh, one line.
import { createFetch, createTokenManager, inProcess, tokenEndpoint } from 'evertoken';
import { reactNative } from 'evertoken/react-native';
import { createAuthServer } from 'evertoken/testing';

async function main() {
  const server = createAuthServer();
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), proactive: false },
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  await tokens.startSession(server.signIn());
  server.revokeAccessTokens();
  const { status } = await api(server.apiUrl);
  tokens.dispose();
  return `works ${status} ${server.tokenRequests.length} ${typeof reactNative}`;
}

main().then(console.log, (error) => console.log(error?.stack ?? error));
