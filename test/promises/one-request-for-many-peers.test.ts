import { expect, test } from 'vitest';
import { createTokenManager, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, peers } from '../../src/testing.js';
import { HOUR, MINUTE, outcome } from '../support/promise-world.js';

test.each([true, false])(
  'eight peers that ask at once cost one request, and end with the same token (channel %s)',
  async (hears) => {
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE, delayMs: 300 });
    const tabs = peers(8, { clock });
    const managers = tabs.map(({ platform }) =>
      createTokenManager({
        refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
        platform: hears
          ? platform
          : { ...platform, channel: { announce: () => undefined, subscribe: () => () => undefined } },
      }),
    );
    await managers[0]?.startSession(server.signIn());
    for (const manager of managers) {
      manager.subscribe(() => undefined);
      await manager.getAccessToken();
    }
    for (let round = 1; round <= 3; round++) {
      clock.sleep(11 * MINUTE);
      const all = await outcome(clock, Promise.all(managers.map((manager) => manager.getAccessToken())));
      expect(all.ok).toBe(true);
      expect(new Set(all.value).size).toBe(1);
      expect(server.tokenRequests).toHaveLength(round);
    }
    expect(server.counts.familiesRevoked).toBe(0);
    for (const manager of managers) manager.dispose();
  },
);

test.each(['freeze', 'crash', 'reload'] as const)(
  'a peer that goes (%s) at any moment of its refresh delays the others by 15 s at most',
  async (how) => {
    for (let at = 0; at <= 1_100; at += 100) {
      const clock = fakeClock();
      const server = createAuthServer({
        clock,
        accessTokenLifetimeMs: 10 * MINUTE,
        delayMs: 300,
        answerDelayMs: 300,
        reuseWindowMs: HOUR,
      });
      const [first, second, third] = peers(3, { clock });
      for (const peer of [first, second, third]) peer.storageFault = { delayMs: 100 };
      const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
      const make = (peer: typeof first): TokenManager =>
        createTokenManager({
          refresh: (request) => peer.through(() => endpoint(request)),
          platform: peer.platform,
          proactive: false,
        });
      const managers = [first, second, third].map(make);
      const [one, two, three] = managers as [TokenManager, TokenManager, TokenManager];
      await outcome(clock, one.startSession(server.signIn()));
      await outcome(clock, Promise.all([two.getAccessToken(), three.getAccessToken()]));
      await clock.advance(11 * MINUTE);
      one.getAccessToken().catch(() => undefined);
      await clock.advance(at);
      first[how]();
      const all = await outcome(clock, Promise.all([two.getAccessToken(), three.getAccessToken()]));
      expect(all.ok, `${how} at ${at}`).toBe(true);
      expect(new Set(all.value).size).toBe(1);
      expect(all.afterMs).toBeLessThanOrEqual(15_000);
      expect(server.tokenRequests.length).toBeLessThanOrEqual(2);
      if (how === 'freeze') {
        first.thaw();
        await clock.advance(20_000);
        expect(one.getSnapshot().status).toBe('active');
        expect((await outcome(clock, one.getAccessToken())).value).toBe(
          (await outcome(clock, two.getAccessToken())).value,
        );
      }
      for (const manager of managers) manager.dispose();
    }
  },
);
