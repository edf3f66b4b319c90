import { expect, test } from 'vitest';
import { createTokenManager, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { type AuthServer, createAuthServer, type FakeClock, fakeClock, peers } from '../../src/testing.js';

const LIFETIME = 600_000;

/** An expired session on a slow storage, and a strict server that acts after 200 ms and answers after 400. */
async function expired(storageMs: number): Promise<{ tokens: TokenManager; clock: FakeClock; server: AuthServer }> {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME, delayMs: 200, answerDelayMs: 200 });
  const [peer] = peers(1, { clock });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: peer.platform,
    proactive: false,
  });
  await tokens.startSession(server.signIn());
  await clock.advance(LIFETIME);
  peer.storageFault = { delayMs: storageMs };
  return { tokens, clock, server };
}

test('a clock that is set, at any moment of a refresh, does not take the time for its request away', async () => {
  for (const jumpMs of [3_600_000, -3_600_000, 20_000]) {
    for (let at = 0; at <= 700; at += 50) {
      const { tokens, clock, server } = await expired(100);
      const call = tokens.getAccessToken();
      await clock.advance(at);
      clock.set(clock.now() + jumpMs);
      await expect(clock.runUntil(call), `${jumpMs} at ${at}`).resolves.toBeTypeOf('string');
      expect(server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
      tokens.dispose();
    }
  }
});

test('a storage that is slow within its bound does not take the time for the request away', async () => {
  for (const storageMs of [1_000, 3_000, 4_500, 4_900]) {
    const { tokens, clock, server } = await expired(storageMs);
    await expect(clock.runUntil(tokens.getAccessToken()), `${storageMs}`).resolves.toBeTypeOf('string');
    expect(server.tokenRequests.map(({ status }) => status)).toEqual([200]);
    tokens.dispose();
  }
});

test('an answer that comes as a machine wakes up is heard before the deadline that passed in its sleep', async () => {
  for (let at = 0; at <= 900; at += 50) {
    const { tokens, clock, server } = await expired(100);
    const call = tokens.getAccessToken();
    await clock.advance(at);
    clock.sleep(8 * 3_600_000); // the lid is closed over night

    await expect(clock.runUntil(call), `asleep at ${at}`).resolves.toBeTypeOf('string');
    expect(server.counts, `asleep at ${at}`).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
    tokens.dispose();
  }
});

test('a request that is never answered holds nobody for longer than a second after the machine woke up', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
  const [peer] = peers(1, { clock });
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: peer.platform,
    retry: { attempts: 1 },
    proactive: false,
  });
  await tokens.startSession(server.signIn());
  await clock.advance(LIFETIME);
  server.next({ hang: true });
  const call = tokens.getAccessToken();
  await clock.advance(100);
  clock.sleep(8 * 3_600_000);
  const wokeAt = clock.now();
  await expect(clock.runUntil(call)).rejects.toMatchObject({ code: 'ERR_REFRESH_TIMEOUT' });
  expect(clock.now() - wokeAt).toBeLessThanOrEqual(1_000);
  tokens.dispose();
});
