import { describe, expect, type Mock, test, vi } from 'vitest';
import { createFetch, type RefreshTokens, type TokenManagerOptions, type TokenResponse } from '../../src/index.js';
import { jwt } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';
import { createWorld, type Seen } from '../support/world.js';

const HOUR = 3_600_000;
const KEY = 'evertoken:session';
const ISSUER = 'https://auth.example';

const answer = (user: string, count: number, more: Partial<TokenResponse> = {}): TokenResponse => ({
  access_token: `access-token-of-${user}-${count}`,
  refresh_token: `refresh-token-of-${user}-${count}`,
  id_token: jwt({ sub: user, iss: ISSUER, iat: count }),
  expires_in: 3600,
  ...more,
});

/** Ada is signed in, and the endpoint answers a refresh as it is told to. */
async function adaWith(answers: (count: number) => TokenResponse, options: Partial<TokenManagerOptions> = {}) {
  const world = createWorld();
  const refresh: Mock<RefreshTokens> = vi.fn(async () => answers(refresh.mock.calls.length));
  const { tokens, events } = world.manager({ refresh, ...options });
  const { refresh_token, ...rest } = answer('ada', 0);
  await world.run(tokens.startSession(options.refreshTokenIn === 'cookie' ? rest : { refresh_token, ...rest }));
  const seen = (...types: Seen['type'][]) => events.filter(({ type }) => types.includes(type));
  return { world, refresh, tokens, events, seen, sessionId: tokens.getSnapshot().sessionId };
}

describe('a refresh with our own refresh token that brings another subject is refused', () => {
  test.each([
    ['another sub', { id_token: jwt({ sub: 'bob', iss: ISSUER }) }],
    ['another iss', { id_token: jwt({ sub: 'ada', iss: 'https://evil.example' }) }],
  ])('%s: the session ends as rejected, its tokens are unused and revoked', async (_, more) => {
    const revoke = vi.fn(async () => new Response());
    const { world, refresh, tokens, seen, sessionId } = await adaWith((count) => answer('bob', count, more), {
      revoke,
    });
    await world.clock.advance(HOUR);
    const waiting = [tokens.getAccessToken(), tokens.getAccessToken({ minValidityMs: 5 }), tokens.refresh()];
    for (const error of await Promise.all(waiting.map((call) => world.failure(call)))) {
      expect(error).toMatchObject({
        code: 'ERR_SESSION_REJECTED',
        message: sentence('another subject'),
      });
    }
    expect(world.stored.size).toBe(0);
    expect(seen('refreshed', 'sessionEnded')).toMatchObject([{ reason: 'rejected', sessionId }]);
    expect(revoke).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ refreshToken: 'refresh-token-of-bob-1', accessToken: 'access-token-of-bob-1' }),
    );
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(refresh).toHaveBeenCalledTimes(1);
  });

  test('without a new refresh token, the old one is revoked; what comes of it is an event', async () => {
    const revoke = vi.fn(async () => new Response(null, { status: 503 }));
    const { world, tokens, seen, sessionId } = await adaWith(
      () => ({ access_token: 'access-token-of-bob', id_token: jwt({ sub: 'bob' }), expires_in: 60 }),
      { revoke },
    );
    await world.failure(tokens.refresh());
    await world.clock.settle();
    expect(revoke).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ refreshToken: 'refresh-token-of-ada-0' }));
    expect(seen('revokeFailed')).toMatchObject([{ sessionId }]);
  });

  test('also where the answer came too late and is stored afterwards', async () => {
    let release: (tokens: TokenResponse) => void = () => undefined;
    const world = createWorld();
    const { tokens, events } = world.manager({
      refresh: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
      retry: { attempts: 1 },
    });
    await world.run(tokens.startSession(answer('ada', 0)));
    expect(await world.failure(tokens.refresh())).toMatchObject({ code: 'ERR_REFRESH_TIMEOUT' });
    release(answer('bob', 1));
    await world.clock.advance(60_000);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toMatchObject([{ reason: 'rejected' }]);
    expect(world.stored.size).toBe(0);
  });

  test.each([
    ['no ID token', { id_token: undefined }],
    ['a malformed one', { id_token: 'a.b.c' }],
    ['one that names nobody', { id_token: jwt({ iat: 7 }) }],
    ['one of the same subject', {}],
  ])('%s is no other subject', async (_, more) => {
    const { world, tokens, seen } = await adaWith((count) => answer('ada', count, more));
    await world.run(tokens.refresh());
    expect(await world.run(tokens.getAccessToken())).toBe('access-token-of-ada-1');
    expect(seen('sessionEnded')).toEqual([]);
  });
});

describe('a cookie that brings another subject brings another session', () => {
  const cookie = { refreshTokenIn: 'cookie' } as const;
  const ofBob = (count: number): TokenResponse => {
    const { refresh_token: _, ...rest } = answer('bob', count);
    return rest;
  };

  test('replaced, then started from the cookie; no caller of the old one gets a token of the new', async () => {
    const { world, refresh, tokens, seen, sessionId } = await adaWith(ofBob, cookie);
    await world.clock.advance(HOUR);
    const waiting = [
      tokens.getAccessToken(),
      tokens.getAccessToken({ signal: new AbortController().signal }),
      tokens.replaceAccessToken('access-token-of-ada-0'),
      tokens.refresh(),
    ];
    for (const error of await Promise.all(waiting.map((call) => world.failure(call)))) {
      expect(error).toMatchObject({ code: 'ERR_NO_SESSION' });
    }
    const now = tokens.getSnapshot();
    expect(now).toMatchObject({ status: 'active', claims: { sub: 'bob' } });
    expect(now.sessionId).not.toBe(sessionId);
    expect(seen('refreshed', 'sessionEnded', 'sessionStarted')).toMatchObject([
      { type: 'sessionStarted', from: 'sign-in', sessionId },
      { type: 'sessionEnded', reason: 'replaced', sessionId },
      { type: 'sessionStarted', from: 'cookie', sessionId: now.sessionId },
    ]);
    expect(await world.run(tokens.getAccessToken())).toBe('access-token-of-bob-1');
    expect(world.stored.get(KEY)).toContain('access-token-of-bob-1');
    expect(refresh).toHaveBeenCalledTimes(1);
  });

  test('a request of the old session is not sent again with the new one', async () => {
    const { world, tokens } = await adaWith(ofBob, cookie);
    const send = vi.fn(async () => new Response(null, { status: 401 }));
    const api = createFetch(tokens, { origins: ['https://api.example'], fetch: send });
    expect((await world.run(api('https://api.example/'))).status).toBe(401);
    expect(send).toHaveBeenCalledTimes(1);
    expect(tokens.getSnapshot().claims).toMatchObject({ sub: 'bob' });
  });

  test('every other tab follows', async () => {
    const { world, tokens } = await adaWith(ofBob, cookie);
    const peer = world.manager({ ...cookie, refresh: () => Promise.reject(new Error('asked again')) });
    expect(await world.run(peer.tokens.getAccessToken())).toBe('access-token-of-ada-0');
    await world.failure(tokens.refresh());
    await world.clock.settle();
    expect(await world.run(peer.tokens.getAccessToken())).toBe('access-token-of-bob-1');
    expect(peer.events.map((event) => ('reason' in event ? event.reason : 'from' in event && event.from))).toEqual([
      'storage',
      'peer',
      'peer',
    ]);
    expect(peer.tokens.getSnapshot().sessionId).toBe(tokens.getSnapshot().sessionId);
  });
});

test('a record of another subject that a peer has stored under the same session is another session', async () => {
  const { world, tokens, seen, sessionId } = await adaWith((count) => answer('ada', count));
  const record = JSON.parse(world.stored.get(KEY) ?? '');
  const idToken = jwt({ sub: 'bob', iss: ISSUER });
  await world.clock.advance(HOUR);
  const changed = { ...record, idToken, accessToken: 'access-token-of-bob', revision: record.revision + 1 };
  world.stored.set(KEY, JSON.stringify({ ...changed, expiresAt: record.expiresAt + HOUR }));
  expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_NO_SESSION' });
  expect(seen('refreshed', 'sessionEnded')).toMatchObject([{ reason: 'peer', sessionId }]);
  expect(await world.run(tokens.getAccessToken())).toBe('access-token-of-bob');
});
