import { expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, peers } from '../../src/testing.js';

const LIFETIME = 600_000;

test('a failure that the storage did not take holds all the same, whatever the storage is found to say', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
  const [peer] = peers(1, { clock }); // its channel echoes
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: peer.platform,
    proactive: false,
  });
  await tokens.startSession(server.signIn());
  tokens.subscribe(() => undefined);
  await clock.advance(LIFETIME);
  server.always({ status: 503, headers: { 'Retry-After': '120' } });
  peer.storageFault = (operation) => (operation === 'setItem' ? { error: new Error('full') } : undefined);

  for (let round = 1; round <= 2; round++) {
    const failure = { code: 'ERR_REFRESH_UNAVAILABLE', retryAt: clock.now() + 120_000 };
    for (let second = 0; second < 119; second += 7) {
      await expect(clock.runUntil(tokens.getAccessToken()), `${second} s`).rejects.toMatchObject(failure);
      peer.wake();
      await clock.advance(7_000);
    }
    expect(server.tokenRequests).toHaveLength(round);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', retryAt: failure.retryAt });
    await clock.advanceTo(failure.retryAt);
    peer.storageFault = round === 1 ? undefined : peer.storageFault;
  }
  tokens.dispose();
});
