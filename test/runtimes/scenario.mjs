// What every runtime has to do, with the built package and nothing else. Returns what it has counted.
import { createFetch, createTokenManager, inProcess, isTokenError, tokenEndpoint } from 'evertoken';
import { createAuthServer } from 'evertoken/testing';

function expect(condition, what) {
  if (!condition) throw new Error(`expected ${what}`);
}

export async function smoke() {
  const server = createAuthServer({ tokenFormat: 'jwt' });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), proactive: false },
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  const refused = await api(server.apiUrl).catch((error) => error);
  expect(isTokenError(refused) && refused.code === 'ERR_NO_SESSION', 'no request without a session');
  await tokens.startSession(server.signIn({ scope: 'openid' }));
  expect(tokens.getSnapshot().claims?.sub === 'ada', 'the claims of the ID token');
  expect((await api(`${server.apiUrl}/items`, { method: 'POST', body: 'hello' })).status === 200, 'a request to pass');
  server.revokeAccessTokens();
  expect((await api(`${server.apiUrl}/items`, { method: 'POST', body: 'hello' })).status === 200, 'a replay to pass');
  expect(server.tokenRequests.length === 1, 'one refresh for one 401');
  await tokens.endSession();
  expect(tokens.getSnapshot().status === 'none', 'nobody to be signed in after the end');
  tokens.dispose();
}

/** Two hundred callers of four managers on one platform, with a token that has expired. */
export async function concurrency() {
  const server = createAuthServer();
  const { clock, ...rest } = inProcess();
  let laterMs = 0;
  const platform = { ...rest, clock: { ...clock, now: () => clock.now() + laterMs }, proactive: false };
  const managers = Array.from({ length: 4 }, () =>
    createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform,
    }),
  );
  await managers[0].startSession(server.signIn());
  for (const tokens of managers) await tokens.getAccessToken();
  laterMs = 7_200_000;
  const callers = managers.flatMap((tokens) => Array.from({ length: 50 }, () => tokens.getAccessToken()));
  const distinct = new Set(await Promise.all(callers)).size;
  expect(distinct === 1, `one token for all, got ${distinct}`);
  expect(server.tokenRequests.length === 1, `one request, got ${server.tokenRequests.length}`);
  expect(server.counts.familiesRevoked === 0, 'no family to be revoked');
  for (const tokens of managers) tokens.dispose();
  return { callers: callers.length, requests: server.tokenRequests.length };
}
