import { describe, expect, type Mock, test, vi } from 'vitest';
import { hooks } from '../../src/core/hooks.js';
import type { RefreshTokens, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { jwt } from '../support/promise-world.js';
import { createWorld, type Seen } from '../support/world.js';

const HOUR = 3_600_000;
const KEY = 'evertoken:session';
const ISSUER = 'https://auth.test';
const grant = { issuer: ISSUER, endpoints: { token: 'https://auth.test/token' } };
const stronger = { ...grant, endpoints: { token: 'https://auth.test/v2/token' }, continues: true };

const answer = (user: string, name: string, more: Partial<TokenResponse> = {}): TokenResponse => ({
  access_token: `access-token-of-${user}-${name}`,
  refresh_token: `refresh-token-of-${user}-${name}`,
  id_token: jwt({ sub: user, iss: ISSUER, jti: name }),
  scope: 'orders',
  expires_in: 3600,
  ...more,
});

/** Ada is signed in, in two tabs. */
async function twoTabs(options: Partial<TokenManagerOptions> = {}) {
  const world = createWorld();
  const refresh: Mock<RefreshTokens> = vi.fn(async () => answer('ada', `refreshed-${refresh.mock.calls.length}`));
  const revoke = vi.fn(async () => new Response());
  const [one, two] = [world.manager({ refresh, revoke, ...options }), world.manager({ refresh, revoke, ...options })];
  await world.run(one.tokens.startSession(answer('ada', 'first'), grant));
  await world.run(two.tokens.ready());
  const seen = ({ events }: { events: Seen[] }) =>
    events
      .filter(({ type }) => type !== 'refreshStarted')
      .slice(1)
      .map((event) => [event.type, 'by' in event ? event.by : '']);
  const stored = () => JSON.parse(world.stored.get(KEY) ?? '{}');
  return { world, refresh, revoke, one, two, seen, stored, sessionId: one.tokens.getSnapshot().sessionId };
}

describe('signing in again as the same user with continues', () => {
  test('keeps the session in every tab: one refreshed, no start, no end, and nothing is revoked', async () => {
    const { world, refresh, revoke, one, two, seen, stored, sessionId } = await twoTabs();
    await world.run(one.tokens.startSession(answer('ada', 'mfa', { scope: 'orders pay' }), stronger));
    for (const { tokens } of [one, two]) {
      expect(await world.run(tokens.getAccessToken())).toBe('access-token-of-ada-mfa');
      expect(tokens.getSnapshot()).toMatchObject({ sessionId, scopes: ['orders', 'pay'], status: 'active' });
    }
    expect(seen(one)).toEqual([['refreshed', 'us']]);
    expect(one.events.at(-1)).toMatchObject({ reason: 'asked', rotated: true });
    expect(seen(two)).toEqual([['refreshed', 'peer']]);
    expect(stored()).toMatchObject({ sessionId, grant: { endpoints: stronger.endpoints } });
    expect([refresh, revoke].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  });

  test('an answer without a refresh token or scope keeps the old one, and the mark that belongs to it', async () => {
    const { world, refresh, one, stored } = await twoTabs();
    const { refresh_token: _, scope: __, ...rest } = answer('ada', 'mfa');
    await world.run(one.tokens.startSession(rest, stronger));
    expect(stored()).toMatchObject({ refreshToken: 'refresh-token-of-ada-first', scopes: ['orders'] });
    await world.run(one.tokens.refresh());
    expect(refresh.mock.calls[0]?.[0]).toMatchObject({ refreshToken: 'refresh-token-of-ada-first' });
  });

  test('an answer without a refresh token waits for the one that a refresh under way brings', async () => {
    const { world, refresh, one, stored } = await twoTabs();
    let bring = (_: TokenResponse): void => undefined;
    refresh.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          bring = resolve;
        }),
    );
    const refreshing = one.tokens.refresh();
    await world.clock.advance(10);
    const { refresh_token: _, ...rest } = answer('ada', 'mfa');
    const signingIn = one.tokens.startSession(rest, stronger);
    await world.clock.advance(10);
    bring(answer('ada', 'late'));
    await world.run(Promise.all([refreshing, signingIn]));
    expect(stored()).toMatchObject({
      accessToken: 'access-token-of-ada-mfa',
      refreshToken: 'refresh-token-of-ada-late',
    });
  });

  test('callers who wait for a refresh get the new token', async () => {
    const { world, refresh, one } = await twoTabs();
    await world.clock.advance(HOUR);
    refresh.mockImplementation(() => new Promise(() => undefined));
    const waiting = [one.tokens.getAccessToken(), one.tokens.replaceAccessToken('access-token-of-ada-first')];
    await world.clock.advance(10);
    expect(refresh).toHaveBeenCalledTimes(1);
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(await world.run(Promise.all(waiting))).toEqual(Array(2).fill('access-token-of-ada-mfa'));
  });

  test('a page that was away meanwhile finds the session, with the new tokens at once', async () => {
    const { world, one, two, sessionId, stored } = await twoTabs();
    one.tokens.dispose();
    const back = world.manager({ refresh: async () => answer('ada', 'never') });
    await world.run(back.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(back.tokens.getSnapshot()).toMatchObject({ sessionId });
    expect(back.events).toMatchObject([{ type: 'sessionStarted', from: 'storage' }]);
    expect(await world.run(two.tokens.getAccessToken())).toBe('access-token-of-ada-mfa');
    expect(stored().sessionId).toBe(sessionId);
  });

  test('what a peer has refreshed since this tab last looked does not stand in its way', async () => {
    const { world, one, two, seen, sessionId } = await twoTabs();
    world.platform.channel.announce = () => undefined;
    await world.run(two.tokens.refresh());
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(one.tokens.getSnapshot()).toMatchObject({ sessionId });
    await world.run(Promise.resolve(two.tokens[hooks]?.look?.()));
    expect(await world.run(two.tokens.getAccessToken())).toBe('access-token-of-ada-mfa');
    expect(seen(one)).toEqual([['refreshed', 'us']]);
  });

  test('while the storage fails the session goes on in memory, and is stored later', async () => {
    const { world, one, two, stored, sessionId } = await twoTabs();
    const { setItem } = world.platform.storage;
    world.platform.storage.setItem = () => Promise.reject(new Error('full'));
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(one.tokens.getSnapshot()).toMatchObject({ sessionId, status: 'active' });
    expect(await world.run(one.tokens.getAccessToken())).toBe('access-token-of-ada-mfa');
    world.platform.storage.setItem = setItem;
    await world.clock.advance(60_000);
    expect(stored()).toMatchObject({ sessionId, accessToken: 'access-token-of-ada-mfa' });
    expect(await world.run(two.tokens.getAccessToken())).toBe('access-token-of-ada-mfa');
  });

  test('while refreshing fails it ends the failing', async () => {
    const { world, refresh, one, sessionId } = await twoTabs();
    refresh.mockImplementation(
      async () => new Response(JSON.stringify({ error: 'interaction_required' }), { status: 400 }),
    );
    await world.failure(one.tokens.refresh());
    expect(one.tokens.getSnapshot().error).toMatchObject({ code: 'ERR_REFRESH_INTERACTION' });
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(one.tokens.getSnapshot()).toMatchObject({ sessionId, error: undefined });
  });
});

describe('it is another session, and no waiting caller gets its token,', () => {
  const other = (claims: object) => answer('bob', 'mfa', { id_token: jwt(claims) });
  test.each<[string, TokenResponse, Partial<TokenResponse>?]>([
    ['where another user signed in', other({ sub: 'bob', iss: ISSUER })],
    ['where the user of another server did', other({ sub: 'ada', iss: 'https://other.test' })],
    ['where the answer has no ID token', { ...answer('ada', 'mfa'), id_token: undefined }],
    ['where its ID token names no issuer', other({ sub: 'ada' })],
    ['where its ID token names no subject', other({ iss: ISSUER })],
    ['where the session before had no ID token', answer('ada', 'mfa'), { id_token: undefined }],
  ])('%s', async (_, response, before) => {
    const { world, refresh, one, two } = await twoTabs();
    if (before) await world.run(one.tokens.startSession({ ...answer('ada', 'again'), ...before }, grant));
    const { sessionId } = one.tokens.getSnapshot();
    await world.clock.advance(HOUR);
    refresh.mockImplementation(() => new Promise(() => undefined));
    const waiting = world.failure(one.tokens.getAccessToken());
    await world.run(one.tokens.startSession(response, stronger));
    expect(await waiting).toMatchObject({ code: 'ERR_NO_SESSION' });
    for (const { tokens } of [one, two]) expect(tokens.getSnapshot().sessionId).not.toBe(sessionId);
    expect(one.events.map(({ type }) => type).slice(-2)).toEqual(['sessionEnded', 'sessionStarted']);
  });

  test('where nobody is signed in any more', async () => {
    const { world, one, sessionId } = await twoTabs();
    await world.run(one.tokens.endSession());
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(one.tokens.getSnapshot().sessionId).not.toBe(sessionId);
    expect(one.events.at(-1)).toMatchObject({ type: 'sessionStarted', from: 'sign-in' });
  });

  test('where it was ended elsewhere, unheard', async () => {
    const { world, one, two, sessionId, seen } = await twoTabs();
    world.platform.channel.announce = () => undefined;
    await world.run(two.tokens.endSession());
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), stronger));
    expect(one.tokens.getSnapshot().sessionId).not.toBe(sessionId);
    expect(seen(one).map(([type]) => type)).toEqual(['sessionEnded', 'sessionStarted']);
  });

  test('and so it is without continues, whoever signs in', async () => {
    const { world, one, sessionId } = await twoTabs();
    await world.run(one.tokens.startSession(answer('ada', 'mfa'), grant));
    expect(one.tokens.getSnapshot().sessionId).not.toBe(sessionId);
  });
});

test('signing out at every moment of it wins, and leaves nothing', async () => {
  const count = async (at: number) => {
    const { world, one, two } = await twoTabs();
    const before = world.moments.length;
    let ending: Promise<unknown> | undefined;
    world.onMoment = (_, index) => {
      if (index - before === at) ending = one.tokens.endSession();
    };
    const going = one.tokens.startSession(answer('ada', 'mfa'), stronger).catch((error) => error);
    const outcome = await world.run(going);
    if (!ending) return false;
    await world.run(ending);
    await world.clock.advance(1_000);
    expect(world.stored.size, `moment ${at}`).toBe(0);
    for (const { tokens } of [one, two]) expect(tokens.getSnapshot().status, `moment ${at}`).toBe('none');
    expect(outcome === undefined || outcome.code === 'ERR_NO_SESSION', `moment ${at}`).toBe(true);
    return true;
  };
  let moments = 0;
  while (await count(moments)) moments++;
  expect(moments).toBeGreaterThan(5);
});

test('a refresh under way at every moment: it goes on, and the newest refresh token is the one that is kept', async () => {
  const count = async (at: number, withRefreshToken: boolean) => {
    const { world, one, stored, sessionId } = await twoTabs();
    const before = world.moments.length;
    let signingIn: Promise<void> | undefined;
    const { refresh_token, ...rest } = answer('ada', 'mfa');
    world.onMoment = (_, index) => {
      if (index - before !== at) return;
      signingIn = one.tokens.startSession(withRefreshToken ? { ...rest, refresh_token } : rest, stronger);
    };
    await world.run(one.tokens.refresh());
    if (!signingIn) return false;
    await world.run(signingIn);
    await world.clock.advance(1_000);
    expect(one.tokens.getSnapshot(), `moment ${at}`).toMatchObject({ sessionId, status: 'active' });
    expect(stored().sessionId, `moment ${at}`).toBe(sessionId);
    if (withRefreshToken && stored().accessToken === 'access-token-of-ada-mfa') {
      expect(stored().refreshToken, `moment ${at}`).toBe('refresh-token-of-ada-mfa');
    }
    expect(await world.run(one.tokens.getAccessToken()), `moment ${at}`).toBe(stored().accessToken);
    return true;
  };
  for (const withRefreshToken of [true, false]) {
    let moments = 0;
    while (await count(moments, withRefreshToken)) moments++;
    expect(moments).toBeGreaterThan(5);
  }
});
