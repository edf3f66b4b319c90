import { describe, expect, type Mock, test, vi } from 'vitest';
import { hooks, type RequestWithHooks } from '../../src/core/hooks.js';
import type { RefreshRequest, RefreshTokens, SignInGrant, TokenResponse } from '../../src/index.js';
import { jwt } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';
import { createWorld } from '../support/world.js';

const HOUR = 3_600_000;
const KEY = 'evertoken:session';
const endpoints = { token: 'https://auth.test/token', revocation: 'https://auth.test/revoke', authMethods: ['none'] };
const grant = { issuer: 'https://auth.test', endpoints, binding: 'thumbprint' };

const answer = (count: number): TokenResponse => ({
  access_token: `access-token-number-${count}`,
  refresh_token: `refresh-token-number-${count}`,
  expires_in: 3600,
});

function start() {
  const world = createWorld();
  const refresh: Mock<RefreshTokens> = vi.fn(async () => answer(refresh.mock.calls.length));
  const revoke = vi.fn(async () => new Response());
  const manager = () => world.manager({ refresh, revoke });
  const stored = () => JSON.parse(world.stored.get(KEY) ?? '{}');
  return { world, refresh, revoke, manager, stored };
}

test('the refresh and the revoke function are told who granted the session, also after a reload', async () => {
  const { world, refresh, revoke, manager, stored } = start();
  const { tokens } = manager();
  await world.run(tokens.startSession(answer(0), grant));
  expect(stored()).toMatchObject({ evertoken: 2, grant });
  await world.run(tokens.refresh());
  tokens.dispose();
  const { tokens: reloaded } = manager();
  await world.run(reloaded.refresh());
  for (const [request] of refresh.mock.calls) expect(request).toMatchObject(grant);
  expect(stored()).toMatchObject({ evertoken: 2, grant, refreshToken: 'refresh-token-number-2' });
  await world.run(reloaded.endSession());
  expect(revoke).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(grant));
});

test('a session of which nothing was told is stored and refreshed as before', async () => {
  const { world, refresh, manager, stored } = start();
  const { tokens } = manager();
  await world.run(tokens.startSession(answer(0)));
  await world.run(tokens.refresh());
  expect(stored()).toMatchObject({ evertoken: 1 });
  expect(stored()).not.toHaveProperty('grant');
  for (const name of ['issuer', 'endpoints', 'binding']) expect(refresh.mock.calls[0]?.[0]).not.toHaveProperty(name);
});

test('endpoints that have moved are stored by the write of the same refresh', async () => {
  const { world, refresh, manager, stored } = start();
  const { tokens } = manager();
  await world.run(tokens.startSession(answer(0), { issuer: grant.issuer, endpoints }));
  const now = { token: 'https://auth.test/v2/token' };
  refresh.mockImplementationOnce(async (request: RefreshRequest & RequestWithHooks) => {
    request[hooks]?.moved(now);
    return answer(7);
  });
  let writes = 0;
  world.onMoment = (name) => {
    if (name === 'setItem' && stored().accessToken !== 'access-token-number-7') writes++;
  };
  await world.run(tokens.refresh());
  expect(stored()).toMatchObject({
    accessToken: 'access-token-number-7',
    grant: { issuer: grant.issuer, endpoints: now },
  });
  expect(writes, 'the mark, and the tokens with their endpoints').toBe(2);
  await world.run(tokens.refresh());
  expect(refresh.mock.lastCall?.[0]).toMatchObject({ endpoints: now });
});

test('what a refresh that fails has been told of endpoints is not stored', async () => {
  const { world, refresh, manager, stored } = start();
  const { tokens } = manager();
  await world.run(tokens.startSession(answer(0), { issuer: grant.issuer, endpoints }));
  refresh.mockImplementation(async (request: RefreshRequest & RequestWithHooks) => {
    request[hooks]?.moved({ token: 'https://auth.test/v2/token' });
    return new Response(null, { status: 503 });
  });
  await world.failure(tokens.refresh());
  expect(stored().grant).toEqual({ issuer: grant.issuer, endpoints });
});

test('another session in the same manager has the grant of its own sign-in, or none', async () => {
  const { world, refresh, manager, stored } = start();
  const { tokens } = manager();
  await world.run(tokens.startSession(answer(0), grant));
  await world.run(tokens.startSession(answer(1)));
  expect(stored()).not.toHaveProperty('grant');
  await world.run(tokens.refresh());
  expect(refresh.mock.calls[0]?.[0]).not.toHaveProperty('issuer');
});

describe('when the tokens were asked for', () => {
  test('is what their life is counted from', async () => {
    const { world, manager } = start();
    const { tokens } = manager();
    const now = world.clock.now();
    await world.run(tokens.startSession(answer(0), { requestedAt: now - 5_000 }));
    expect(tokens.getSnapshot()).toMatchObject({ issuedAt: now - 5_000, expiresAt: now - 5_000 + HOUR });
  });
});

test.each<[string, unknown]>([
  ['text', 'https://auth.test'],
  ['an unknown member', { isuer: 'https://auth.test' }],
  ['an issuer that is no text', { issuer: 5 }],
  ['an empty key', { binding: '' }],
  ['no token endpoint', { endpoints: {} }],
  ['endpoints that are text', { endpoints: 'https://auth.test/token' }],
  ['endpoints that are null', { endpoints: null }],
  ['an address that is no text', { endpoints: { token: 'x', revocation: 1 } }],
  ['methods that are no list', { endpoints: { token: 'x', authMethods: 'none' } }],
  ['a moment that is none', { requestedAt: Number.NaN }],
  ['a moment as text', { requestedAt: '2026-01-01' }],
  ['continues that is no boolean', { continues: 'yes' }],
])('a grant that is none is refused: %s', async (_, wrong) => {
  const { world, manager, stored } = start();
  const { tokens } = manager();
  const error = await world.failure(tokens.startSession(answer(0), wrong as SignInGrant));
  expect(error).toMatchObject({
    code: 'ERR_OPTIONS',
    message: sentence(
      /^Option grant: expected issuer, endpoints, binding, requestedAt, continues, but a value of/,
      /grant \w+ came/,
    ),
  });
  expect(stored()).toEqual({});
});

test('in cookie mode a grant without tokens is refused: there is nothing that it could belong to', async () => {
  const { world, refresh } = start();
  const { tokens } = world.manager({ refresh, refreshTokenIn: 'cookie' });
  const error = await world.failure(tokens.startSession(undefined, { issuer: grant.issuer }));
  expect(error).toMatchObject({ code: 'ERR_OPTIONS' });
  expect(refresh).not.toHaveBeenCalled();
});

describe('what integrations may ask', () => {
  test('the key, the last ID token, and the grant', async () => {
    const { world, manager } = start();
    const { tokens } = manager();
    const own = tokens[hooks];
    expect([own?.key, own?.idToken?.(), own?.grant?.()]).toEqual(['session', undefined, undefined]);
    await world.run(tokens.startSession({ ...answer(0), id_token: jwt({ sub: 'ada' }) }, grant));
    expect(own?.idToken?.()).toBe(jwt({ sub: 'ada' }));
    expect(own?.grant?.()).toEqual(grant);
    expect(tokens[hooks]).toBe(own);
    expect(Object.keys(tokens)).not.toContain('evertoken.hooks');
  });

  test('to look at the storage again: a tab that believes that nobody is signed in finds the session', async () => {
    const { world, manager } = start();
    const [one, two] = [manager().tokens, manager().tokens];
    await world.run(two.ready());
    world.platform.channel.announce = () => undefined; // nobody tells it
    await world.run(one.startSession(answer(0), grant));
    expect(two.getSnapshot().status).toBe('none');
    await world.run(Promise.resolve(two[hooks]?.look?.()));
    expect(two.getSnapshot()).toMatchObject({ status: 'active', sessionId: one.getSnapshot().sessionId });
    two.dispose();
    expect(await world.failure(Promise.resolve(two[hooks]?.look?.()))).toMatchObject({ code: 'ERR_DISPOSED' });
  });
});
