import { expect, test } from 'vitest';
import { createFetch, createTokenManager, inProcess, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

test('ten requests on an expired token cost one refresh, and a refused request is replayed with the new token', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  await tokens.startSession(await server.signIn());

  await clock.advance(61_000);
  const requests = Array.from({ length: 10 }, () => api(`${server.apiUrl}/items`, { method: 'POST', body: 'hello' }));
  await clock.advance(0);
  const responses = await Promise.all(requests);

  expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(server.tokenRequests).toHaveLength(1);

  server.revokeAccessTokens();
  const replayed = await api(`${server.apiUrl}/items`, { method: 'POST', body: 'hello' });
  expect(replayed.status).toBe(200);
  expect(server.tokenRequests).toHaveLength(2);
  expect(server.apiRequests.slice(-2).map(({ status }) => status)).toEqual([401, 200]);
});
