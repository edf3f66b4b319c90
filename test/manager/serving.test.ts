import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { hooks, type IntegrationHooks } from '../../src/core/hooks.js';
import type { RefreshRequest, TokenManager } from '../../src/index.js';
import { LIFETIME, signedIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

const KEY = 'evertoken:session';
const jwt = (claims: object) =>
  ['{"alg":"none"}', JSON.stringify(claims), 'sig'].map((part) => Buffer.from(part).toString('base64url')).join('.');

/** A cookie that brings a session after a second. */
function cookieWorld(options: Parameters<ReturnType<typeof createWorld>['manager']>[0] = {}) {
  const world = createWorld();
  const refresh = async () => {
    await new Promise<void>((resolve) => world.clock.after(1_000, resolve));
    return { access_token: 'access-token-of-the-cookie', token_type: 'Bearer', expires_in: 600 };
  };
  return { world, ...world.manager({ refreshTokenIn: 'cookie', refresh, ...options }) };
}

describe('a fresh access token', () => {
  test('is one and the same promise for all callers, from its first moment on', async () => {
    const { tokens } = await signedIn();
    const served = tokens.getAccessToken();
    expect(tokens.getAccessToken()).toBe(served);
    expect(tokens.getAccessToken({})).toBe(served);
    expect(tokens.getAccessToken({ signal: new AbortController().signal })).toBe(served);
    expect(tokens.getAccessToken({ minValidityMs: 1 })).not.toBe(served);
    await expect(tokens.getAccessToken({ signal: AbortSignal.abort('mine') })).rejects.toBe('mine');
  });

  test('is fresh although the clock was set back by a minute', async () => {
    const { tokens, clock } = await signedIn();
    const served = tokens.getAccessToken();
    clock.set(clock.now() - 60_000);
    expect(tokens.getAccessToken()).toBe(served);
    clock.set(clock.now() - 1);
    expect(tokens.getAccessToken()).not.toBe(served);
    await clock.settle();
  });

  test('stays the same promise, due at the same moment, while the tokens stay the same', async () => {
    let draws = 0;
    const { world, tokens, server } = await signedIn({ retry: { attempts: 1 } }, { random: () => ++draws / 1_000 });
    const served = tokens.getAccessToken();
    server.always({ status: 503 });
    await world.failure(tokens.refresh());
    expect(tokens.getSnapshot().retryAt).toBeDefined();
    expect(tokens.getAccessToken()).toBe(served);
  });

  test.each([
    ['a moment before it is due', -1, 0],
    ['at the moment it is due', 0, 1],
  ])('is refreshed behind the caller from the due moment on: %s', async (_, offset, refreshes) => {
    const { world, tokens, clock, seen } = await signedIn({ leewayMs: 60_000 }, { random: () => 0 });
    await clock.advance(LIFETIME - 60_000 + offset);
    await world.run(tokens.getAccessToken());
    expect(seen('refreshStarted').map(({ reason }) => reason)).toEqual(Array(refreshes).fill('due'));
    await clock.settle();
  });

  test('is not good enough for whoever needs a longer one: a refresh is due', async () => {
    const { world, tokens, clock, seen } = await signedIn({ leewayMs: 60_000 }, { random: () => 0 });
    await clock.advance(LIFETIME - 70_000);
    await world.run(tokens.getAccessToken({ minValidityMs: 200_000 }));
    expect(seen('refreshStarted').map(({ reason }) => reason)).toEqual(['due']);
  });
});

describe('an access token that was refused', () => {
  test('and belongs to a session that is over is replaced by no other session’s', async () => {
    const { world, tokens, server, first, clock } = await signedIn();
    await clock.advance(1);
    await world.run(tokens.startSession(server.signIn({ user: 'bob' })));
    expect(await world.failure(tokens.replaceAccessToken(first.access_token))).toMatchObject({
      name: 'SessionError',
      code: 'ERR_NO_SESSION',
      message: 'The session of the refused access token is over, and another one has begun: ask again for its token.',
    });
  });

  test('is asked for once more only, where the server gives the same one again', async () => {
    const world = createWorld();
    let asked = 0;
    const { tokens } = world.manager({
      refresh: async () => {
        asked++;
        return { access_token: 'the-same-access-token', refresh_token: `refresh-${asked}`, expires_in: 600 };
      },
    });
    await world.run(tokens.startSession({ access_token: 'the-same-access-token', refresh_token: 'refresh-0' }));
    expect(await world.run(tokens.replaceAccessToken('the-same-access-token'))).toBe('the-same-access-token');
    expect(asked).toBe(1);
  });

  test('and has been replaced by one that has expired is replaced by a newer one', async () => {
    const { world, tokens, clock, seen, first } = await signedIn();
    await world.run(tokens.refresh());
    await clock.advance(LIFETIME);
    await world.run(tokens.replaceAccessToken(first.access_token));
    expect(seen('refreshStarted').map(({ reason }) => reason)).toEqual(['asked', 'expired']);
  });
});

describe('while a cookie is being asked about', () => {
  const asks: [string, (tokens: TokenManager) => Promise<unknown>, unknown][] = [
    ['replaceAccessToken()', (tokens) => tokens.replaceAccessToken('old'), 'access-token-of-the-cookie'],
    ['refresh()', (tokens) => tokens.refresh(), undefined],
    ['getAccessToken()', (tokens) => tokens.getAccessToken(), 'access-token-of-the-cookie'],
  ];
  test.each(asks)('%s waits for what it brings', async (_, ask, expected) => {
    const { world, tokens } = cookieWorld();
    expect(await world.run(ask(tokens))).toBe(expected);
  });

  test('a session that turns up in the storage after it has failed, and has expired, is refreshed', async () => {
    const { world, tokens, events } = cookieWorld({
      retry: { attempts: 1 },
      refresh: async () => new Response('', { status: 503 }),
    });
    await world.failure(tokens.getAccessToken());
    const other = createWorld();
    await other.run(other.manager().tokens.startSession(world.server.signIn()));
    world.stored.set(KEY, other.stored.get(KEY) ?? '');
    world.clock.set(world.clock.now() + LIFETIME);
    world.platform.channel.announce(KEY);
    await world.clock.settle();
    const reasons = events.flatMap((event) => (event.type === 'refreshStarted' ? [event.reason] : []));
    expect(reasons).toEqual(['resume', 'expired']);
  });
});

test('a refresh function that asks for an access token without its signal is told so', async () => {
  const world = createWorld();
  let inner: Promise<unknown> | undefined;
  const { tokens } = world.manager({
    retry: { attempts: 1 },
    refresh: (request: RefreshRequest) => {
      inner = tokens.replaceAccessToken('access-token-one', { signal: request.signal }).catch((error) => error);
      return world.refresh(request);
    },
  });
  await world.run(tokens.startSession({ ...world.server.signIn(), access_token: 'access-token-one' }));
  await world.run(tokens.refresh());
  expect(await inner).toMatchObject({
    name: 'OptionsError',
    code: 'ERR_OPTIONS',
    message:
      'The refresh function asked for an access token, which waits for that same refresh: use the request it was given, and pass its signal on.',
  });
});

test('a session that a peer puts in our session’s place is not kept waiting for our refresh', async () => {
  const { world, tokens, server, clock, stored } = await signedIn();
  server.next({ hang: true });
  const refreshing = tokens.refresh().catch((error) => error);
  await clock.advance(1_000);
  const other = createWorld();
  await other.clock.advance(5_000);
  await other.run(other.manager().tokens.startSession(server.signIn({ user: 'bob' })));
  stored.set(KEY, other.stored.get(KEY) ?? '');
  world.platform.channel.announce(KEY);
  await clock.settle();
  expect(await refreshing).toMatchObject({ code: 'ERR_NO_SESSION' });
  const from = clock.now();
  await world.run(tokens.refresh());
  expect(clock.now() - from).toBeLessThan(1_000);
});

test('subscribing reads the storage where nothing is known yet, and not where a session is', async () => {
  const { world, tokens, moments, clock } = await signedIn();
  await clock.settle();
  moments.length = 0;
  tokens.subscribe(() => undefined);
  await clock.settle();
  expect(moments).toEqual([]);
  world.manager().tokens.subscribe(() => undefined);
  await clock.settle();
  expect(moments).toContain('getItem');
});

test('nobody can listen after the end', async () => {
  const { tokens } = await signedIn();
  tokens.dispose();
  expect(() => tokens.on('refreshed', () => undefined)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  expect(() => tokens.subscribe(() => undefined)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
});

test('a manager that is printed shows its snapshot, without the claims', async () => {
  const { world, tokens } = await signedIn();
  await world.run(
    tokens.startSession({ access_token: 'access-token-one', id_token: jwt({ email: 'alice@example.org' }) }),
  );
  const { sessionId } = tokens.getSnapshot();
  for (const shown of [JSON.stringify(tokens), inspect(tokens)]) {
    expect(shown).toContain('active');
    expect(shown).toContain(sessionId);
    expect(shown).not.toContain('alice');
  }
});

test('the claims of a snapshot are frozen to the last', async () => {
  const { world, tokens } = await signedIn();
  const claims = { sub: 'alice', address: { lines: ['one'] }, phone: null };
  await world.run(tokens.startSession({ access_token: 'access-token-one', id_token: jwt(claims) }));
  const shown = tokens.getSnapshot().claims as typeof claims;
  expect(shown).toEqual(claims);
  for (const value of [shown, shown.address, shown.address.lines]) expect(Object.isFrozen(value)).toBe(true);
});

test('a request may be refused where nobody is signed in', async () => {
  const { world, tokens, events } = await signedIn();
  await world.run(tokens.endSession());
  const own = (tokens as unknown as { [hooks]: IntegrationHooks })[hooks];
  own.reject(
    { url: 'https://api.example.org/', method: 'GET', status: 401, challenges: [] } as never,
    'an-access-token',
  );
  expect(events.at(-1)).toMatchObject({ type: 'requestRejected', sessionId: undefined, status: 401 });
});
