import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { tokenEndpoint } from '../../src/index.js';
import { createWorld, MINUTE, outcome } from '../support/promise-world.js';

test('is the same object until something changes, frozen to its readers, and every change is told', async () => {
  const { clock, server, tokens } = createWorld();
  let told = 0;
  let last = tokens.getSnapshot();
  expect(last).toEqual({
    status: 'loading',
    sessionId: undefined,
    refreshing: false,
    issuedAt: undefined,
    expiresAt: undefined,
    refreshExpiresAt: undefined,
    retryAt: undefined,
    error: undefined,
    scopes: [],
    claims: undefined,
  });
  const changes: string[] = [];
  tokens.subscribe(() => {
    told++;
    const next = tokens.getSnapshot();
    expect(next).not.toBe(last);
    expect(next).not.toEqual(last);
    last = next;
    changes.push(`${next.status}${next.refreshing ? '+' : ''}${next.retryAt ? '!' : ''}${next.error ? 'e' : ''}`);
  });
  await clock.settle();
  await tokens.startSession(server.signIn({ scope: 'openid a b', claims: { name: 'Ada' } }));
  expect(tokens.getSnapshot()).toMatchObject({ scopes: ['openid', 'a', 'b'], claims: { name: 'Ada' } });
  for (let index = 0; index < 5; index++) {
    await tokens.getAccessToken();
    expect(tokens.getSnapshot()).toBe(last);
  }
  await clock.advance(11 * MINUTE);
  server.always({ status: 429, headers: { 'Retry-After': '12' } });
  await outcome(clock, tokens.getAccessToken());
  const { retryAt = 0, error, status } = tokens.getSnapshot();
  expect({ status, in: retryAt - clock.now(), code: error?.code }).toEqual({
    status: 'active',
    in: 12_000,
    code: 'ERR_REFRESH_UNAVAILABLE',
  });
  await clock.advance(12_000);
  server.always(undefined);
  await outcome(clock, tokens.getAccessToken());
  expect(tokens.getSnapshot()).toMatchObject({ retryAt: undefined, error: undefined });
  server.next({ status: 400, body: { error: 'invalid_grant' } });
  await clock.advance(11 * MINUTE);
  await outcome(clock, tokens.getAccessToken());
  expect(tokens.getSnapshot()).toMatchObject({
    status: 'none',
    error: { code: 'ERR_SESSION_REJECTED' },
    scopes: [],
    claims: undefined,
    sessionId: undefined,
  });
  expect(changes).toEqual(['none', 'active', 'active+', 'active!e', 'active+', 'active', 'active+', 'nonee']);
  expect(told).toBe(changes.length);
  await tokens.startSession(server.signIn());
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: undefined });
  tokens.dispose();
  expect(JSON.stringify(tokens) + inspect(tokens, { depth: 9, showHidden: true })).not.toMatch(/access\.|refresh\./);
});

test('cannot be bent by its readers', async () => {
  const { server, tokens } = createWorld();
  await tokens.startSession(server.signIn({ scope: 'openid a', claims: { roles: ['x'] } }));
  const snapshot = tokens.getSnapshot() as unknown as {
    status: string;
    scopes: string[];
    claims: { roles: string[] };
  };
  for (const bend of [
    () => {
      snapshot.status = 'none';
    },
    () => {
      snapshot.scopes.push('admin');
    },
  ]) {
    try {
      bend();
    } catch {
      /* frozen */
    }
  }
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', scopes: ['openid', 'a'] });
  tokens.dispose();
});

test('tells when the refresh token ends, here, in every peer and after a reload, where the server says so', async () => {
  const { clock, server, tokens, platform } = createWorld();
  const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const asked = clock.now();
  await tokens.startSession({ ...server.signIn(), refresh_token_expires_in: '86400' });
  const { tokens: other } = createWorld({ parts: platform, refresh });
  await outcome(clock, other.getAccessToken());
  for (const one of [tokens, other]) expect(one.getSnapshot().refreshExpiresAt).toBe(asked + 86_400_000);
  await outcome(clock, other.refresh());
  expect(other.getSnapshot().refreshExpiresAt).toBeUndefined(); // another one, of which this server says nothing
});
