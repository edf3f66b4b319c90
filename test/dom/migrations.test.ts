import { beforeEach, expect, test } from 'vitest';

beforeEach(() => localStorage.clear());

test('migrating from an axios interceptor, whoever was signed in stays so, and no copy of the tokens is left', async () => {
  const { adoptOldSession, tokens } = await import('../../site/migration/axios-interceptor.after.js');
  localStorage.setItem('access_token', 'at-old');
  localStorage.setItem('refresh_token', 'rt-old');

  await adoptOldSession();

  expect(tokens.getSnapshot()).toMatchObject({ status: 'active' });
  expect(tokens.getSnapshot().expiresAt).toBeLessThanOrEqual(Date.now() + 1_000); // so that the first request refreshes
  expect([localStorage.getItem('access_token'), localStorage.getItem('refresh_token')]).toEqual([null, null]);
  await adoptOldSession(); // with nothing to adopt
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active' });
  tokens.dispose();
});

test('migrating from oidc-client-ts, whoever has a refresh token stays signed in, and whoever has none signs in', async () => {
  const { start, tokens } = await import('../../site/migration/oidc-client-ts.after.js');
  const expires_at = Math.floor(Date.now() / 1_000) + 600;
  const user = { access_token: 'at-old', token_type: 'Bearer', scope: 'openid orders', expires_at };
  const key = 'oidc.user:https://auth.example:shop';
  localStorage.setItem(key, JSON.stringify(user));
  await start();
  expect((await tokens.ready()).status).toBe('none');

  localStorage.setItem(key, JSON.stringify({ ...user, refresh_token: 'rt-old' }));
  await start();

  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', scopes: ['openid', 'orders'] });
  expect(Math.abs((tokens.getSnapshot().expiresAt ?? 0) - expires_at * 1_000)).toBeLessThan(2_000);
  expect(localStorage.getItem(key)).toBeNull();
  tokens.dispose();
});
