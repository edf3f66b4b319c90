import { createFetch, createTokenManager, inProcess, tokenEndpoint } from 'evertoken';
import { createAuthServer, fakeClock } from 'evertoken/testing';
import { expect, test } from 'vitest';

test('orders can be read an hour after signing in', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 600_000 });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'shop', fetch: server.fetch }),
    platform: { ...inProcess(), clock },
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  await tokens.startSession(server.signIn());

  await clock.advance(3_600_000);
  server.next({ status: 503 }); // the next refresh meets an outage
  const response = await clock.runUntil(api(`${server.apiUrl}/orders`));

  expect(response.status).toBe(200);
  expect(server.counts.reusesDetected).toBe(0);
});
