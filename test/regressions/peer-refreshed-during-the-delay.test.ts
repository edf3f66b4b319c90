import { expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, type Peer, peers } from '../../src/testing.js';

const LIFETIME = 600_000;

test('a peer that refreshes in the delay between two attempts spares the next one', async () => {
  for (let afterMs = 0; afterMs <= 900; afterMs += 100) {
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
    const open = ({ platform }: Peer) =>
      createTokenManager({
        refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
        platform: { ...platform, random: () => 0.999 },
        retry: { minDelayMs: 500 },
        proactive: false,
      });
    const [first, second] = peers(2, { clock });
    const waiting = open(first);
    const asking = open(second);
    await waiting.startSession(server.signIn());
    await clock.runUntil(asking.getAccessToken());
    await clock.advance(LIFETIME);

    server.next({ status: 503 });
    const call = waiting.getAccessToken();
    await clock.advance(afterMs);
    await clock.runUntil(asking.refresh());
    const newest = await asking.getAccessToken();
    expect(await clock.runUntil(call)).toBe(newest);
    await clock.advance(60_000);

    expect(
      server.tokenRequests.map(({ status }) => status),
      `${afterMs} ms later`,
    ).toEqual([503, 200]);
    expect(waiting.getSnapshot()).toMatchObject({ refreshing: false, error: undefined, retryAt: undefined });
    expect(await waiting.getAccessToken()).toBe(newest);
    for (const manager of [waiting, asking]) manager.dispose();
  }
});
