import { createTokenManager, tokenEndpoint } from 'evertoken';
import { createAuthServer, fakeClock, type Peer, peers } from 'evertoken/testing';
import { expect, test } from 'vitest';

const clock = fakeClock();

function openTab(peer: Peer, server: ReturnType<typeof createAuthServer>) {
  const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  return createTokenManager({
    refresh: (request) => peer.through(() => endpoint(request)), // a frozen tab hears no answer
    platform: peer.platform,
    proactive: false,
  });
}

test('five tabs share one refresh', async () => {
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  const tabs = peers(5, { clock }).map((peer) => openTab(peer, server));
  await clock.runUntil(tabs[0]?.startSession(server.signIn()) ?? Promise.reject(new Error('no tab')));
  await clock.advance(61_000);

  const served = await clock.runUntil(Promise.all(tabs.map((tab) => tab.getAccessToken())));

  expect(new Set(served).size).toBe(1);
  expect(server.tokenRequests).toHaveLength(1);
  for (const tab of tabs) tab.dispose();
});

test('a tab that crashes in mid-refresh does not take the others with it', async () => {
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000, delayMs: 200, reuseWindowMs: 10_000 });
  const [first, second] = peers(2, { clock });
  const crashing = openTab(first, server);
  const staying = openTab(second, server);
  await clock.runUntil(crashing.startSession(server.signIn()));
  await clock.advance(61_000);

  void crashing.getAccessToken();
  await clock.advance(100); // the request is on its way
  first.crash();
  await clock.runUntil(staying.getAccessToken());

  expect(server.counts).toMatchObject({ refreshesGranted: 1, familiesRevoked: 0 });
  expect(staying.getSnapshot().status).toBe('active');
  staying.dispose();
});
