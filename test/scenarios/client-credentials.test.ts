import { expect, type Mock, test, vi } from 'vitest';
import type { RefreshTokens, TokenResponse } from '../../src/index.js';
import { jwt } from '../support/promise-world.js';
import { createWorld, type World } from '../support/world.js';

const HOUR = 3_600_000;
const KEY = 'evertoken:session';

/** A service that is granted tokens by itself; `refusal` is answered while there is one. */
function serviceOf(world: World, more: Partial<TokenResponse> = {}) {
  const given = { refusal: undefined as (() => Response) | undefined };
  const refresh: Mock<RefreshTokens> = vi.fn(
    async () =>
      given.refusal?.() ?? { access_token: `service-token-${refresh.mock.calls.length}`, expires_in: 3600, ...more },
  );
  return { given, refresh, ...world.manager({ refresh, refreshTokenIn: 'none' }) };
}

const refused = (status: number, error: string) => () => Response.json({ error }, { status });

test('a client that is granted tokens by itself needs no sign-in and no refresh token', async () => {
  const world = createWorld();
  const { tokens, refresh, events } = serviceOf(world);
  expect(await world.run(Promise.all([tokens.getAccessToken(), tokens.getAccessToken()]))).toEqual([
    'service-token-1',
    'service-token-1',
  ]);
  expect(events.filter(({ type }) => type === 'sessionStarted')).toMatchObject([{ from: 'grant' }]);
  await world.clock.advance(HOUR);
  expect(await world.run(tokens.getAccessToken())).toBe('service-token-2');
  await world.run(tokens.refresh());
  expect(await world.run(tokens.replaceAccessToken('service-token-3'))).toBe('service-token-4');
  for (const [request] of refresh.mock.calls) expect(request).not.toHaveProperty('refreshToken');
  expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
});

test('a refresh token that comes all the same is neither stored nor presented', async () => {
  const world = createWorld();
  const { tokens, refresh } = serviceOf(world, { refresh_token: 'refresh-token-for-nothing' });
  await world.run(tokens.getAccessToken());
  await world.run(tokens.refresh());
  await world.run(
    tokens.startSession({ access_token: 'handed-over', refresh_token: 'refresh-token-too', expires_in: 60 }),
  );
  await world.run(tokens.refresh());
  expect(world.stored.get(KEY)).not.toContain('refresh-token');
  for (const [request] of refresh.mock.calls) expect(request).not.toHaveProperty('refreshToken');
});

test('one that another mode has stored is not presented either', async () => {
  const world = createWorld();
  const before = world.manager();
  await world.run(before.tokens.startSession(world.server.signIn()));
  before.tokens.dispose();
  const { tokens, refresh } = serviceOf(world);
  await world.run(tokens.refresh());
  expect(refresh.mock.calls[0]?.[0]).not.toHaveProperty('refreshToken');
});

test.each([
  ['invalid_client', 401],
  ['invalid_grant', 400],
  ['unauthorized_client', 401],
  ['nothing known', 401],
] as const)(
  '%s (%i) ends nothing: callers are refused with retryAt, and served when it is mended',
  async (error, status) => {
    const world = createWorld();
    const { tokens, given, events } = serviceOf(world);
    given.refusal = refused(status, error);
    const first = await world.failure(tokens.getAccessToken());
    expect(first).toMatchObject({ name: 'RefreshError', retryAt: expect.any(Number) });
    given.refusal = undefined;
    await world.clock.advance((first.retryAt ?? 0) - world.clock.now());
    const token = await world.run(tokens.getAccessToken());
    expect(token).toContain('service-token');

    given.refusal = refused(status, error);
    await world.clock.advance(HOUR);
    const second = await world.failure(tokens.getAccessToken());
    expect(second).toMatchObject({ name: 'RefreshError' });
    given.refusal = undefined;
    await world.clock.advance((second.retryAt ?? 0) - world.clock.now());
    expect(await world.run(tokens.getAccessToken())).not.toBe(token);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
  },
);

test('with nothing to lose, a refresh writes once', async () => {
  const world = createWorld();
  const { tokens } = serviceOf(world);
  await world.run(tokens.getAccessToken());
  world.moments.length = 0;
  await world.run(tokens.refresh());
  expect(world.moments.filter((name) => name === 'setItem')).toHaveLength(1);
});

test('another subject of an ID token is another session, and nothing is refused for it', async () => {
  const world = createWorld();
  const id_token = jwt({ sub: 'service-b' });
  const { tokens, events } = serviceOf(world, { id_token });
  await world.run(tokens.startSession({ access_token: 'handed-over', id_token: jwt({ sub: 'service-a' }) }));
  await world.failure(tokens.refresh());
  expect(await world.run(tokens.getAccessToken())).toBe('service-token-1');
  expect(events.flatMap((event) => (event.type === 'sessionEnded' ? [event.reason] : []))).toEqual(['replaced']);
});

test('endSession forgets the tokens in every process, and the next call asks anew', async () => {
  const world = createWorld();
  const here = serviceOf(world);
  const there = serviceOf(world);
  await world.run(here.tokens.getAccessToken());
  expect(await world.run(there.tokens.getAccessToken())).toBe('service-token-1');
  await world.run(here.tokens.endSession());
  await world.clock.settle();
  expect([here, there].map(({ tokens }) => tokens.getSnapshot().status)).toEqual(['none', 'none']);
  expect(world.stored.size).toBe(0);
  await world.clock.advance(HOUR);
  expect(here.refresh.mock.calls.length + there.refresh.mock.calls.length).toBe(1);
  await world.run(there.tokens.getAccessToken());
  expect(there.refresh).toHaveBeenCalledTimes(1);
  await world.run(here.tokens.getAccessToken());
  expect(here.refresh).toHaveBeenCalledTimes(1);
});

test('a call while the tokens are being forgotten is refused, and nothing is asked behind it', async () => {
  const world = createWorld({ storage: 'slow' });
  const { tokens, refresh } = serviceOf(world);
  await world.run(tokens.getAccessToken());
  const ending = tokens.endSession();
  const refusal = world.failure(tokens.getAccessToken());
  await world.run(ending);
  expect(await refusal).toMatchObject({ code: 'ERR_NO_SESSION' });
  await world.clock.advance(HOUR);
  expect(refresh).toHaveBeenCalledTimes(1);
});

test('a damaged record keeps no service from being granted tokens', async () => {
  const world = createWorld();
  world.stored.set(KEY, '{"evertoken":1');
  const { tokens, events } = serviceOf(world);
  expect(await world.run(tokens.getAccessToken())).toBe('service-token-1');
  expect(JSON.parse(world.stored.get(KEY) ?? '')).toMatchObject({ accessToken: 'service-token-1' });
  expect(events.filter(({ type }) => type === 'storageFailed')).toHaveLength(1);
});
