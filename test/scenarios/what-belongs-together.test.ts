import { describe, expect, type Mock, test, vi } from 'vitest';
import { hooks, type RequestWithHooks } from '../../src/core/hooks.js';
import type { RefreshRequest, RefreshTokens, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { jwt } from '../support/promise-world.js';
import { createWorld } from '../support/world.js';

const KEY = 'evertoken:session';
const ISSUER = 'https://auth.test';
const TIMEOUT_MS = 10_000;
const endpoints = { token: 'https://auth.test/token' };
const moved = { token: 'https://auth.test/v2/token' };
const grant = { issuer: ISSUER, endpoints };
const bound = { ...grant, binding: 'first-key' };
const wanting = (claims: string) => ({ challenge: { scheme: 'bearer', parameters: { claims } } });

const answer = (name: string, more: Partial<TokenResponse> = {}): TokenResponse => ({
  access_token: `access-token-${name}`,
  refresh_token: `refresh-token-${name}`,
  id_token: jwt({ sub: 'ada', iss: ISSUER, jti: name }),
  expires_in: 3600,
  ...more,
});

const { refresh_token: _, ...stepUp } = answer('mfa');

async function start(told: object, options: Partial<TokenManagerOptions> = {}) {
  const world = createWorld();
  const refresh: Mock<RefreshTokens> = vi.fn(async () => answer(`refreshed-${refresh.mock.calls.length}`));
  const manager = () => world.manager({ refresh, timeoutMs: TIMEOUT_MS, retry: { attempts: 1 }, ...options });
  const { tokens, events } = manager();
  await world.run(tokens.startSession(answer('first'), told));
  const stored = () => JSON.parse(world.stored.get(KEY) ?? '{}');
  /** The next answer comes only when it is brought. */
  const late = () => {
    let bring = (_: TokenResponse | Response): void => undefined;
    refresh.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          bring = resolve;
        }),
    );
    return async (response: TokenResponse | Response) => {
      bring(response);
      await world.clock.advance(1);
    };
  };
  return { world, refresh, manager, tokens, events, stored, late };
}

describe('a session that goes on with a sign-in', () => {
  test('keeps the grant of before where the sign-in names none', async () => {
    const { world, refresh, tokens, stored } = await start(grant);
    await world.run(tokens.startSession(answer('mfa'), { continues: true }));
    expect(stored().grant).toEqual(grant);
    await world.run(tokens.refresh());
    expect(refresh.mock.lastCall?.[0]).toMatchObject(grant);
  });

  test('takes from the sign-in what that names', async () => {
    const { world, tokens, stored } = await start(bound);
    const now = { issuer: ISSUER, endpoints: moved, binding: 'second-key' };
    await world.run(tokens.startSession(answer('mfa', { token_type: 'DPoP' }), { ...now, continues: true }));
    expect(stored().grant).toEqual(now);
  });

  test('presents a refresh token that stays with the key that it is bound to', async () => {
    const { world, refresh, tokens, stored } = await start(bound);
    await world.run(tokens.startSession(stepUp, { ...grant, binding: undefined, continues: true }));
    expect(stored()).toMatchObject({ evertoken: 2, refreshToken: 'refresh-token-first', grant: bound });
    await world.run(tokens.refresh());
    expect(refresh.mock.lastCall?.[0]).toMatchObject({ refreshToken: 'refresh-token-first', binding: 'first-key' });
  });

  test('is bound no more where all of its tokens are new and bound to nothing', async () => {
    const { world, tokens, stored } = await start(bound);
    await world.run(tokens.startSession(answer('mfa'), { ...grant, continues: true }));
    expect(stored()).toMatchObject({ evertoken: 1, grant });
    expect(stored().grant).not.toHaveProperty('binding');
  });

  test('presents a refresh token that stays as the same attempt, and tells its loss as one', async () => {
    const { world, refresh, tokens, stored, events } = await start(grant);
    refresh.mockRejectedValueOnce(new TypeError('fetch failed'));
    await world.failure(tokens.refresh());
    expect(stored()).toMatchObject({ unanswered: true });
    await world.run(tokens.startSession(stepUp, { ...grant, continues: true }));
    expect(stored()).toMatchObject({ accessToken: 'access-token-mfa', unanswered: true });
    refresh.mockResolvedValueOnce(new Response('{"error":"invalid_grant"}', { status: 400 }));
    await world.failure(tokens.refresh());
    const [before, after] = refresh.mock.calls.map(([{ attemptId }]) => attemptId);
    expect(after).toBe(before);
    expect(events.at(-1)).toMatchObject({ type: 'sessionEnded', reason: 'lost' });
  });

  test('takes the refresh token that comes late, after the sign-in or during it', async () => {
    for (const isDuring of [false, true]) {
      const { world, tokens, stored, refresh, late } = await start(grant);
      const bring = late();
      const failed = world.failure(tokens.refresh());
      await world.clock.advance(TIMEOUT_MS + 1);
      await failed;
      const { run } = world.platform.lock;
      let free = (): void => undefined;
      if (isDuring) {
        world.platform.lock.run = async (...args) => {
          await new Promise<void>((resolve) => {
            free = resolve;
          });
          return run(...args);
        };
      }
      const going = tokens.startSession(stepUp, { ...grant, continues: true });
      await world.clock.advance(1);
      if (!isDuring) await world.run(going);
      await bring(answer('late'));
      world.platform.lock.run = run;
      free();
      await world.run(going);
      await world.clock.advance(2_000);
      expect(stored()).toMatchObject({ accessToken: 'access-token-mfa', refreshToken: 'refresh-token-late' });
      await world.run(tokens.refresh());
      expect(refresh.mock.lastCall?.[0], String(isDuring)).toMatchObject({ refreshToken: 'refresh-token-late' });
    }
  });

  test('goes on from the tokens of a refresh that could not be stored', async () => {
    const { world, refresh, tokens, late } = await start(grant);
    const bring = late();
    const refreshing = tokens.refresh();
    await world.clock.advance(1);
    const going = tokens.startSession(stepUp, { ...grant, continues: true });
    await world.clock.advance(1);
    const { setItem } = world.platform.storage;
    world.platform.storage.setItem = () => Promise.reject(new Error('full'));
    await bring(answer('rotated'));
    await world.run(Promise.all([refreshing, going]));
    world.platform.storage.setItem = setItem;
    await world.clock.advance(60_000);
    await world.run(tokens.refresh());
    expect(refresh.mock.calls.map(([{ refreshToken }]) => refreshToken)).not.toEqual(
      Array(refresh.mock.calls.length).fill('refresh-token-first'),
    );
    expect(refresh.mock.lastCall?.[0]).toMatchObject({ refreshToken: 'refresh-token-rotated' });
  });
});

describe('tokens that come late', () => {
  test('keep what they were asked for with, and the endpoints that they came from', async () => {
    const { world, refresh, tokens, stored } = await start(grant);
    let bring = (_: TokenResponse): void => undefined;
    refresh.mockImplementationOnce((request: RefreshRequest & RequestWithHooks) => {
      request[hooks]?.moved(moved);
      return new Promise((resolve) => {
        bring = resolve;
      });
    });
    const failed = world.failure(tokens.replaceAccessToken('access-token-first', wanting('cae')));
    await world.clock.advance(TIMEOUT_MS + 1);
    await failed;
    bring(answer('late'));
    await world.clock.advance(2_000);
    expect(stored()).toMatchObject({ accessToken: 'access-token-late', claims: 'cae', grant: { endpoints: moved } });
    expect(await world.run(tokens.replaceAccessToken('access-token-first', wanting('cae')))).toBe('access-token-late');
    expect(refresh).toHaveBeenCalledTimes(1);
  });
});

test('a new refresh token in an answer of no other use changes neither the claims nor where it came from', async () => {
  const { world, refresh, tokens, stored } = await start(grant);
  await world.run(tokens.replaceAccessToken('access-token-first', wanting('cae')));
  refresh.mockImplementationOnce(async (request: RefreshRequest & RequestWithHooks) => {
    request[hooks]?.moved(moved);
    return new Response('{"refresh_token":"refresh-token-rotated"}');
  });
  await world.failure(tokens.refresh());
  expect(stored()).toMatchObject({
    refreshToken: 'refresh-token-rotated',
    claims: 'cae',
    grant: { endpoints: moved },
  });
});

describe('what an API asks for', () => {
  test('cannot damage the stored session, whatever signs it is written in', async () => {
    const { world, tokens, manager } = await start(grant);
    await world.run(tokens.replaceAccessToken('access-token-first', wanting('{"naïve":\n"\u{1F511}"}')));
    const { tokens: reloaded } = manager();
    expect(await world.run(reloaded.ready())).toMatchObject({ status: 'active', error: undefined });
    await world.run(reloaded.refresh());
  });

  test('is nothing where it is empty: another token serves', async () => {
    const { world, refresh, tokens } = await start(grant);
    await world.run(tokens.refresh());
    expect(await world.run(tokens.replaceAccessToken('access-token-first', wanting('')))).toBe(
      'access-token-refreshed-1',
    );
    expect(refresh).toHaveBeenCalledTimes(1);
  });
});

test('a session that a cookie brings is bound to the key that it was asked for with', async () => {
  const { world, refresh, tokens, stored } = await start(bound, { refreshTokenIn: 'cookie' });
  const bob = { id_token: jwt({ sub: 'bob', iss: ISSUER }), refresh_token: undefined, token_type: 'DPoP' };
  refresh.mockResolvedValueOnce(answer('of-bob', bob));
  const { sessionId } = tokens.getSnapshot();
  await world.run(tokens.replaceAccessToken('access-token-first')).catch(() => undefined);
  expect(stored()).toMatchObject({ accessToken: 'access-token-of-bob', grant: bound });
  expect(stored().sessionId).not.toBe(sessionId);
  expect(tokens[hooks]?.bindingOf?.('access-token-of-bob')).toBe('first-key');
});

test('a client without refresh tokens keeps no end of one either', async () => {
  const world = createWorld();
  const refresh = async () => answer('granted', { refresh_expires_in: 1_800, id_token: undefined });
  const { tokens } = world.manager({ refresh, refreshTokenIn: 'none' });
  await world.run(tokens.getAccessToken());
  expect(tokens.getSnapshot().refreshExpiresAt).toBe(undefined);
});

test('a refused cookie that a refresh under way has replaced costs no other one, though the clock is set back', async () => {
  const hidden = { refreshTokenIn: 'cookie', accessTokenIn: 'cookie' } as const;
  const { world, refresh, tokens, late } = await start(grant, hidden);
  const sent = tokens[hooks]?.present?.();
  const bring = late();
  const refreshing = tokens.refresh();
  await world.clock.advance(1);
  const replaced = tokens[hooks]?.replace?.('', sent, {});
  await world.clock.advance(1);
  tokens.on('refreshed', () => world.clock.set(world.clock.now() - 1_000));
  await bring(answer('again'));
  await world.run(Promise.all([refreshing, replaced]));
  expect(refresh).toHaveBeenCalledTimes(1);
});
