import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createTokenManager,
  inProcess,
  type RevokeRequest,
  type TokenManager,
  tokenEndpoint,
} from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { startOpenIdProvider } from '../support/openid-provider.mjs';

let provider: Awaited<ReturnType<typeof startOpenIdProvider>>;
const answers: number[] = [];
let clock: ReturnType<typeof fakeClock>;
let tokens: TokenManager;

beforeAll(async () => {
  provider = await startOpenIdProvider();
  provider.onRefresh((status) => answers.push(status));
});
afterAll(() => provider.close());

beforeEach(async () => {
  answers.length = 0;
  clock = fakeClock(Date.now());
  tokens = manager();
});
afterEach(() => {
  tokens.dispose();
  vi.useRealTimers();
});

function manager(): TokenManager {
  const { issuer } = provider;
  return createTokenManager({
    refresh: tokenEndpoint({ url: `${issuer}/token`, clientId: 'app' }),
    revoke: ({ refreshToken = '', signal }: RevokeRequest) =>
      fetch(`${issuer}/token/revocation`, {
        method: 'POST',
        body: new URLSearchParams({ token: refreshToken, client_id: 'app' }),
        signal,
      }),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
}

/** A session whose access token has expired: the next call refreshes. */
async function signIn(refreshToken?: string): Promise<string> {
  const own = refreshToken ?? (await provider.signIn());
  await tokens.startSession({ access_token: 'expired', expires_in: 1, refresh_token: own });
  clock.set(clock.now() + 2_000);
  return own;
}

describe('against a real OpenID provider that rotates, and revokes the grant when a refresh token is used twice', () => {
  test('many callers cost one refresh, and every lifetime brings a new refresh token', async () => {
    await signIn();
    const refreshed = vi.fn();
    tokens.on('refreshed', refreshed);
    for (let lifetime = 1; lifetime <= 3; lifetime++) {
      const all = await Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken()));
      expect(new Set(all).size).toBe(1);
      expect(answers).toEqual(Array(lifetime).fill(200));
      expect(refreshed).toHaveBeenLastCalledWith(expect.objectContaining({ by: 'us', rotated: true }));
      expect(tokens.getSnapshot().expiresAt).toBeLessThanOrEqual(clock.now() + 60_000);
      clock.set(clock.now() + 61_000);
    }
  });

  test('a refresh token that was used elsewhere ends the session as rejected', async () => {
    const own = await signIn();
    const other = manager();
    await other.startSession({ access_token: 'expired', expires_in: 1, refresh_token: own });
    clock.set(clock.now() + 2_000);
    await other.getAccessToken();
    const ended = vi.fn();
    tokens.on('sessionEnded', ended);
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(ended).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ reason: 'rejected' }));
    clock.set(clock.now() + 61_000);
    // the whole grant went with it
    await expect(other.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(answers).toEqual([200, 400, 400]);
    other.dispose();
  });

  test('signing out revokes the newest refresh token', async () => {
    const first = await signIn();
    expect(await provider.isActive(first)).toBe(true);
    const revoked = vi.fn();
    tokens.on('revokeFailed', revoked);
    await tokens.getAccessToken();
    await tokens.endSession();
    expect(revoked).not.toHaveBeenCalled();
    expect(await provider.isActive(first)).toBe(false);
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  });

  test('a refresh token revoked by the server ends the session', async () => {
    const own = await signIn();
    await fetch(`${provider.issuer}/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams({ token: own, client_id: 'app' }),
    });
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  });

  test('a refresh token that has expired ends the session', async () => {
    await signIn();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_700_000 });
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(answers).toEqual([400]);
  });

  test('an unknown client is a matter of configuration, and signs nobody out', async () => {
    const wrong = createTokenManager({
      refresh: tokenEndpoint({ url: `${provider.issuer}/token`, clientId: 'nobody' }),
      platform: { ...inProcess(), clock },
      proactive: false,
    });
    await wrong.startSession({ access_token: 'expired', expires_in: 1, refresh_token: await provider.signIn() });
    clock.set(clock.now() + 2_000);
    await expect(wrong.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_CONFIG', status: 401 });
    expect(wrong.getSnapshot().status).toBe('active');
    wrong.dispose();
  });
});
