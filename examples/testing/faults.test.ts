import { createTokenManager, inProcess, type TokenManager, tokenEndpoint } from 'evertoken';
import { type AuthServer, createAuthServer, type FakeClock, fakeClock } from 'evertoken/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

let clock: FakeClock;
let server: AuthServer;
let tokens: TokenManager;

beforeEach(async () => {
  clock = fakeClock();
  server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
  await tokens.startSession(server.signIn());
  await clock.advance(61_000); // the access token has expired
});

afterEach(() => tokens.dispose());

test('a busy server is asked again, and nobody is signed out', async () => {
  server.next({ status: 503, headers: { 'Retry-After': '2' } }, { times: 2 });

  await clock.runUntil(tokens.getAccessToken());

  expect(server.tokenRequests.map(({ status }) => status)).toEqual([503, 503, 200]);
  expect(tokens.getSnapshot().status).toBe('active');
});

test('an outage says when to try again', async () => {
  server.always({ drop: true });

  const failed = tokens.getAccessToken();

  await expect(clock.runUntil(failed)).rejects.toMatchObject({ code: 'ERR_REFRESH_NETWORK' });
  expect(tokens.getSnapshot().retryAt).toBeGreaterThan(clock.now());
});

test('an answer that was lost inside the reuse window costs nothing', async () => {
  server.set({ reuseWindowMs: 10_000 });
  server.next({ acts: true, drop: true });

  await clock.runUntil(tokens.getAccessToken());

  expect(server.tokenRequests.map(({ reused }) => reused)).toEqual([false, true]);
});

test('a session that the server ended is over here as well, and says so once', async () => {
  const ends: string[] = [];
  tokens.on('sessionEnded', ({ reason }) => ends.push(reason));
  server.revokeFamily();

  const refused = tokens.getAccessToken();

  await expect(clock.runUntil(refused)).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  expect(ends).toEqual(['rejected']);
});

test('the lid of the laptop was closed over night', async () => {
  clock.sleep(8 * 3_600_000);

  await clock.runUntil(tokens.getAccessToken());

  expect(server.tokenRequests).toHaveLength(1);
});
