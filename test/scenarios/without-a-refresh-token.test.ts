import { describe, expect, test, vi } from 'vitest';
import {
  createFetch,
  createTokenManager,
  inProcess,
  type RefreshTokens,
  type TokenManagerOptions,
  type TokenResponse,
} from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { sentence } from '../support/sentence.js';
import { createWorld, type Seen, type World } from '../support/world.js';

const HOUR = 3_600_000;
const KEY = 'evertoken:session';
const FORGOTTEN: TokenResponse = { access_token: 'only-access-token', expires_in: 3600 };

function managerOf(world: World, options: Partial<TokenManagerOptions> = {}) {
  const refresh = vi.fn<RefreshTokens>(() => Promise.reject(new Error('nothing was to be asked')));
  return { refresh, ...world.manager({ refresh, ...options }) };
}

async function signedIn(response: TokenResponse = FORGOTTEN, options: Partial<TokenManagerOptions> = {}) {
  const world = createWorld();
  const made = managerOf(world, options);
  await world.run(made.tokens.startSession(response));
  const seen = (...types: Seen['type'][]) => made.events.filter(({ type }) => types.includes(type));
  return { world, seen, ...made };
}

const EXPIRED = {
  name: 'SessionError',
  code: 'ERR_SESSION_EXPIRED',
  message: sentence('offline_access'),
};

test('a session whose refresh token never came is served to the end of its access token, and then ends as expired', async () => {
  const { world, tokens, refresh, seen } = await signedIn();
  const { sessionId } = tokens.getSnapshot();
  for (let minute = 0; minute < 60; minute++) {
    expect(await world.run(tokens.getAccessToken())).toBe('only-access-token');
    await world.clock.advance(60_000 - (minute === 59 ? 1 : 0));
  }
  expect(await world.run(tokens.getAccessToken())).toBe('only-access-token');
  await world.clock.advance(1);
  const callers = [tokens.getAccessToken(), tokens.refresh(), tokens.replaceAccessToken('only-access-token')];
  for (const error of await Promise.all(callers.map((call) => world.failure(call)))) {
    expect(error).toMatchObject(EXPIRED);
  }
  expect(await world.failure(tokens.getAccessToken())).toMatchObject(EXPIRED);
  expect(seen('sessionEnded')).toEqual([expect.objectContaining({ reason: 'expired', sessionId })]);
  expect(seen('sessionEnded')).toMatchObject([{ error: EXPIRED }]);
  expect(tokens.getSnapshot()).toMatchObject({ status: 'none', error: EXPIRED });
  expect(world.stored.size).toBe(0);
  expect(refresh).not.toHaveBeenCalled();
});

test.each([3600, 3600.0005])('it ends at that moment although nobody asks (%s s), in every tab', async (expires_in) => {
  const { world, tokens, refresh, seen } = await signedIn({ ...FORGOTTEN, expires_in }, { proactive: true });
  const peer = managerOf(world, { proactive: true });
  peer.tokens.subscribe(() => undefined);
  await world.clock.advance(HOUR - 1);
  expect([tokens, peer.tokens].map((each) => each.getSnapshot().status)).toEqual(['active', 'active']);
  await world.clock.advance(2);
  expect([tokens, peer.tokens].map((each) => each.getSnapshot().status)).toEqual(['none', 'none']);
  expect(seen('sessionEnded')).toHaveLength(1);
  expect(peer.events.filter(({ type }) => type === 'sessionEnded')).toHaveLength(1);
  await world.clock.advance(24 * HOUR);
  expect(refresh.mock.calls.length + peer.refresh.mock.calls.length).toBe(0);
});

test('one that is found in the storage after its end has expired as well', async () => {
  const { world, tokens } = await signedIn();
  tokens.dispose();
  await world.clock.advance(HOUR);
  const later = managerOf(world);
  expect(await world.failure(later.tokens.getAccessToken())).toMatchObject(EXPIRED);
  expect(world.stored.size).toBe(0);
  expect(later.refresh).not.toHaveBeenCalled();
});

test('a session that a peer has started anew is taken over instead of being ended', async () => {
  const { world, tokens, seen } = await signedIn();
  await world.clock.advance(HOUR - 10);
  const record = JSON.parse(world.stored.get(KEY) ?? '');
  const change = {
    accessToken: 'newer-access-token',
    refreshToken: 'refresh-token-at-last',
    expiresAt: record.expiresAt + HOUR,
  };
  world.stored.set(KEY, JSON.stringify({ ...record, ...change, revision: record.revision + 1 }));
  await world.clock.advance(10);
  expect(await world.run(tokens.getAccessToken())).toBe('newer-access-token');
  expect(seen('sessionEnded')).toEqual([]);
});

describe('while it lives', () => {
  const IMPOSSIBLE = { code: 'ERR_REFRESH_CONFIG', message: sentence('offline_access') };

  test('refresh() says that nothing can be presented, and ends nothing', async () => {
    const { world, tokens, refresh, seen } = await signedIn();
    expect(await world.failure(tokens.refresh())).toMatchObject(IMPOSSIBLE);
    expect(await world.run(tokens.getAccessToken())).toBe('only-access-token');
    expect(seen('sessionEnded', 'refreshStarted')).toEqual([]);
    expect(refresh).not.toHaveBeenCalled();
  });

  test('a 401 is returned as it is, and ends nothing', async () => {
    const { world, tokens, refresh } = await signedIn();
    const send = vi.fn(async () => new Response('its body', { status: 401 }));
    const api = createFetch(tokens, { origins: ['https://api.example'], fetch: send });
    const response = await world.run(api('https://api.example/'));
    expect([response.status, await response.text()]).toEqual([401, 'its body']);
    expect(await world.failure(tokens.replaceAccessToken('only-access-token'))).toMatchObject(IMPOSSIBLE);
    expect(tokens.getSnapshot().status).toBe('active');
    expect([send.mock.calls.length, refresh.mock.calls.length]).toEqual([1, 0]);
  });

  test('whoever asks for a longer life is given the longest there is', async () => {
    const { world, tokens } = await signedIn();
    expect(await world.run(tokens.getAccessToken({ minValidityMs: 2 * HOUR }))).toBe('only-access-token');
  });

  test('a clock that is set back changes nothing', async () => {
    const { world, tokens, refresh, seen } = await signedIn(FORGOTTEN, { proactive: true });
    world.clock.set(world.clock.now() - 10 * HOUR);
    expect(await world.run(tokens.getAccessToken())).toBe('only-access-token');
    await world.clock.advance(60_000);
    expect(seen('sessionEnded', 'refreshStarted')).toEqual([]);
    expect(refresh).not.toHaveBeenCalled();
  });
});

test('where nobody knows when it expires, it is used until a server refuses it, and ends then', async () => {
  const { world, tokens, refresh, seen } = await signedIn({ access_token: 'opaque-token' }, { proactive: true });
  await world.clock.advance(100 * HOUR);
  expect(await world.run(tokens.getAccessToken())).toBe('opaque-token');
  const peer = managerOf(world);
  expect(await world.run(peer.tokens.getAccessToken())).toBe('opaque-token');
  expect(await world.failure(tokens.replaceAccessToken('opaque-token'))).toMatchObject(EXPIRED);
  await world.clock.settle();
  expect(peer.tokens.getSnapshot().status).toBe('none');
  expect(seen('sessionEnded')).toMatchObject([{ reason: 'expired' }]);
  expect(refresh).not.toHaveBeenCalled();
});

test('a response that brings a refresh token is refreshed as ever', async () => {
  const refresh: RefreshTokens = async ({ refreshToken }) => ({ access_token: `by-${refreshToken}`, expires_in: 60 });
  const { world, tokens } = await signedIn({ ...FORGOTTEN, refresh_token: 'refresh-token-1' }, { refresh });
  await world.clock.advance(HOUR);
  expect(await world.run(tokens.getAccessToken())).toBe('by-refresh-token-1');
});

test('a wake-up while the storage cannot be read asks nothing, as there is nothing to present', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  let wake = (): void => undefined;
  let isReadable = true;
  const tokens = createTokenManager({
    refresh: async ({ refreshToken }) => {
      if (refreshToken === undefined) throw new Error('nothing was presented');
      return { access_token: 'second', expires_in: 3600 };
    },
    platform: {
      ...platform,
      storage: {
        ...platform.storage,
        getItem: (key) => {
          if (!isReadable) throw new Error('locked');
          return platform.storage.getItem(key);
        },
      },
      wakeups: {
        isAwake: () => true,
        isOnline: () => true,
        subscribe: (listener) => {
          wake = listener;
          return () => undefined;
        },
      },
    },
  });
  const started = vi.fn();
  tokens.on('refreshStarted', started);
  isReadable = false;
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  await clock.advance(60_000);
  wake();
  isReadable = true; // by the time in which a refresh would get the lock
  await clock.advance(60_000);
  expect(started).not.toHaveBeenCalled();
  tokens.dispose();
});
