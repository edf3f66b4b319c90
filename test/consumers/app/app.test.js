// Jest, as it comes: CommonJS.
const { createTokenManager, isTokenError, tokenEndpoint } = require('evertoken');
const { createAuthServer, fakeClock } = require('evertoken/testing');

test('a session lives, refreshes and ends', async () => {
  const server = createAuthServer({ clock: fakeClock() });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
  });
  await tokens.startSession(server.signIn());
  await tokens.refresh();
  expect(server.tokenRequests).toHaveLength(1);
  await tokens.endSession();
  const error = await tokens.getAccessToken().catch((caught) => caught);
  expect(isTokenError(error) && error.code).toBe('ERR_NO_SESSION');
  tokens.dispose();
});
