import { describe, expect, type Mock, test, vi } from 'vitest';
import { hooks } from '../../src/core/hooks.js';
import { createTokenManager, type RefreshTokens } from '../../src/index.js';
import { jwt } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';
import { createWorld, type World } from '../support/world.js';

const HOUR = 3_600_000;
const KEY = 'evertoken:session';

function pageOf(world: World, answer: (count: number) => unknown = () => new Response(null, { status: 204 })) {
  const refresh: Mock<RefreshTokens> = vi.fn(async () => answer(refresh.mock.calls.length) as Response);
  return { refresh, ...world.manager({ refresh, refreshTokenIn: 'cookie', accessTokenIn: 'cookie' }) };
}

test.each([
  ['204', () => new Response(null, { status: 204 })],
  ['an empty 200', () => new Response('')],
  ['OK', () => new Response('OK')],
  ['HTML', () => new Response('<p>refreshed</p>', { headers: { 'Content-Type': 'text/html' } })],
  ['JSON of its own', () => Response.json({ ok: true, token_type: 'cookie' })],
  ['a body that was read', async () => readOf(Response.json({ ok: true }))],
  ['nothing at all', () => undefined],
])('a refresh that answers %s has succeeded, and lasts until a server refuses it', async (_, answer) => {
  const world = createWorld();
  const { tokens, refresh, events } = pageOf(world, answer);
  expect(await world.run(tokens.getAccessToken())).toBe('');
  await world.clock.advance(100 * HOUR);
  expect(await world.run(tokens.getAccessToken())).toBe('');
  expect(refresh).toHaveBeenCalledTimes(1);
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', expiresAt: undefined });
  await world.run(tokens.refresh());
  await world.run(tokens.refresh());
  expect(events.map(({ type }) => type).filter((type) => /refreshed|Failed|Ended/.test(type))).toEqual([
    'refreshed',
    'refreshed',
  ]);
});

async function readOf(response: Response): Promise<Response> {
  await response.text();
  return response;
}

test('it expires when its body says so; neither token is kept, nor given to the refresh function', async () => {
  const world = createWorld();
  const id_token = jwt({ sub: 'ada' });
  const { tokens, refresh } = pageOf(world, () => ({
    access_token: 'not-for-script',
    expires_in: 600,
    id_token,
    scope: 'a b',
  }));
  expect(await world.run(tokens.getAccessToken())).toBe('');
  expect(tokens.getSnapshot()).toMatchObject({
    expiresAt: world.clock.now() + 600_000,
    scopes: ['a', 'b'],
    claims: { sub: 'ada' },
  });
  expect(world.stored.get(KEY)).not.toContain('not-for-script');
  await world.clock.advance(600_000);
  expect(await world.run(tokens.getAccessToken())).toBe('');
  expect(refresh).toHaveBeenCalledTimes(2);
  expect(refresh.mock.lastCall?.[0]).toMatchObject({ reason: 'expired', accessToken: undefined });
});

test.each([
  ['401', () => new Response(null, { status: 401 }), 'ERR_NO_SESSION'],
  ['503', () => new Response(null, { status: 503 }), 'ERR_REFRESH_UNAVAILABLE'],
  ['a 200 that names an error', () => Response.json({ error: 'invalid_grant' }), 'ERR_NO_SESSION'],
  ['a 200 that names an error of its own', () => Response.json({ error: 'later' }), 'ERR_REFRESH_RESPONSE'],
])('%s is no success', async (_, answer, code) => {
  const world = createWorld();
  expect(await world.failure(pageOf(world, answer).tokens.getAccessToken())).toMatchObject({ code });
});

test('a session goes on after a reload, also one that had its access token in the storage until now', async () => {
  const world = createWorld();
  const before = world.manager({ refresh: async () => ({ access_token: 'in-plain-sight' }), refreshTokenIn: 'cookie' });
  await world.run(before.tokens.getAccessToken());
  before.tokens.dispose();
  for (let reload = 0; reload < 2; reload++) {
    const { tokens, refresh } = pageOf(world);
    expect(await world.run(tokens.getAccessToken())).toBe('');
    expect(refresh).not.toHaveBeenCalled();
    await world.run(tokens.refresh());
    expect(world.stored.get(KEY)).not.toContain('in-plain-sight');
    tokens.dispose();
  }
  const back = world.manager({ refresh: async () => ({ access_token: 'again' }), refreshTokenIn: 'cookie' });
  expect(await world.failure(back.tokens.getAccessToken())).toMatchObject({ code: 'ERR_NO_SESSION' });
});

test('it is only for a refresh token in a cookie as well', () => {
  const refresh: RefreshTokens = async () => new Response(null, { status: 204 });
  const create = (options: object) => () => createTokenManager({ refresh, ...options });
  expect(create({ accessTokenIn: 'cookie' })).toThrow(
    expect.objectContaining({
      message: sentence(/accessTokenIn: expected response, or cookie with refreshTokenIn/, 'accessTokenIn string came'),
    }),
  );
  expect(create({ accessTokenIn: 'cookie', refreshTokenIn: 'none' })).toThrow(/accessTokenIn/);
  expect(create({ accessTokenIn: 'header', refreshTokenIn: 'cookie' })).toThrow(/accessTokenIn/);
  expect(create({ accessTokenIn: 'cookie', refreshTokenIn: 'cookie' })).not.toThrow();
  expect(create({ refreshTokenIn: 'nowhere' })).toThrow(
    expect.objectContaining({
      message: sentence(
        /refreshTokenIn: expected response or cookie or none/,
        'refreshTokenIn response or cookie or none string came',
      ),
    }),
  );
});

describe('a refused cookie', () => {
  async function started(tabs: number, answer?: (count: number) => unknown) {
    const world = createWorld();
    const pages = Array.from({ length: tabs }, () => pageOf(world, answer));
    for (const { tokens } of pages) await world.run(tokens.getAccessToken());
    for (const { refresh } of pages) refresh.mockClear();
    await world.clock.advance(HOUR);
    const requests = () => pages.reduce((sum, { refresh }) => sum + refresh.mock.calls.length, 0);
    return { world, pages, requests };
  }

  test('costs one refresh for any number of requests in any number of tabs', async () => {
    const { world, pages, requests } = await started(3);
    const calls = pages.flatMap(({ tokens }) => Array.from({ length: 20 }, () => tokens.replaceAccessToken('')));
    expect(new Set(await world.run(Promise.all(calls)))).toEqual(new Set(['']));
    expect(requests()).toBe(1);
  });

  test('costs another one when it is refused again later', async () => {
    const { world, pages, requests } = await started(2);
    for (const round of [1, 2, 3]) {
      for (const { tokens } of pages) await world.run(tokens.replaceAccessToken(''));
      expect(requests()).toBe(round);
      await world.clock.advance(60_000);
    }
  });

  test('costs one although the clock is set back', async () => {
    const { world, pages, requests } = await started(1);
    world.clock.set(world.clock.now() - 10 * HOUR);
    for (const { tokens } of pages) await world.run(tokens.replaceAccessToken(''));
    expect(requests()).toBe(1);
  });

  test('costs none where it meets a refresh that is under way', async () => {
    const { world, pages, requests } = await started(2);
    const refreshing = pages[0]?.tokens.refresh();
    const calls = [refreshing, ...pages.map(({ tokens }) => tokens.replaceAccessToken(''))];
    await world.run(Promise.all(calls));
    expect(requests()).toBe(1);
  });

  test('costs nothing where the request went out with the one before, however late its 401 comes', async () => {
    const { world, pages, requests } = await started(2);
    const [first, second] = pages.map(({ tokens }) => ({
      tokens,
      own: tokens[hooks],
      sent: tokens[hooks]?.present?.(),
    }));
    await world.run(Promise.resolve(first?.own?.replace?.('', first.sent, {})));
    expect(requests()).toBe(1);
    await world.clock.advance(HOUR);
    expect(await world.run(Promise.resolve(first?.own?.replace?.('', first.sent, {})))).toBe('');
    expect(await world.run(Promise.resolve(second?.own?.replace?.('', second.sent, {})))).toBe('');
    expect(requests()).toBe(1);
    const now = first?.own?.present?.();
    expect(await world.run(Promise.resolve(first?.own?.replace?.('', now, {})))).toBe('');
    expect(requests()).toBe(2);
  });

  test('that a request of another session went out with is replaced by nothing', async () => {
    const { world, pages } = await started(1);
    const tokens = pages[0]?.tokens;
    const own = tokens?.[hooks];
    const sent = own?.present?.();
    await world.run(Promise.resolve(tokens?.startSession({ access_token: '' })));
    const late = Promise.resolve(own?.replace?.('', sent, {}));
    expect(await world.failure(late)).toMatchObject({
      code: 'ERR_NO_SESSION',
      message: sentence('another'),
    });
  });

  test('ends the session only where the endpoint says so', async () => {
    let status = 204;
    const { world, pages } = await started(1, () => new Response(null, { status }));
    status = 400;
    const revoked = pages[0]?.tokens.replaceAccessToken('') ?? Promise.reject(new Error('no page'));
    expect(await world.failure(revoked)).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(pages[0]?.tokens.getSnapshot().status).toBe('active');
  });
});

test('no empty access token is revoked', async () => {
  const world = createWorld();
  const revoke = vi.fn(async () => undefined);
  const refresh: RefreshTokens = async () => new Response(null, { status: 204 });
  const { tokens } = world.manager({ refresh, revoke, refreshTokenIn: 'cookie', accessTokenIn: 'cookie' });
  await world.run(tokens.getAccessToken());
  await world.run(tokens.endSession());
  expect(revoke).toHaveBeenCalledExactlyOnceWith({ signal: expect.any(AbortSignal) });
});
