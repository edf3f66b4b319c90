import { createFetch, createTokenManager, inProcess, tokenEndpoint } from 'evertoken';
import { createAuthServer, fakeClock } from 'evertoken/testing';
import { expect, test } from 'vitest';

test('ten requests on an expired token cost one refresh', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  await tokens.startSession(server.signIn());

  await clock.advance(61_000); // a minute and a second, at once
  const responses = await clock.runUntil(Promise.all(Array.from({ length: 10 }, () => api(server.apiUrl))));

  expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(server.tokenRequests).toHaveLength(1);
  tokens.dispose();
});

test('a day passes, and the session is still there', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 3_600_000 });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock },
  });
  await tokens.startSession(server.signIn());

  await clock.advance(24 * 3_600_000);

  expect(tokens.getSnapshot().status).toBe('active');
  expect(server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0, mostTokenRequestsAtOnce: 1 });
  expect(server.counts.refreshesGranted).toBeGreaterThanOrEqual(24);
  tokens.dispose();
});
