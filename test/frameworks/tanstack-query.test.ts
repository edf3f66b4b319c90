import { expect, test, vi } from 'vitest';
import { createQueryClient } from '../../examples/frameworks/tanstack-query.js';
import { createFetch, OptionsError, RefreshError, SessionError } from '../../src/index.js';
import { signedIn } from '../support/signed-in.js';

test('S6: the cache of the last user is empty before anybody reads for the next, and survives a refresh', async () => {
  const { tokens, run, server } = await signedIn();
  const client = createQueryClient(tokens);
  const seen: [string, unknown][] = [];
  tokens.subscribe(() => seen.push([tokens.getSnapshot().status, client.getQueryData(['orders'])]));
  client.setQueryData(['orders'], 'of ada');

  await run(tokens.refresh());
  expect(client.getQueryData(['orders'])).toBe('of ada');
  await run(tokens.endSession());
  expect(client.getQueryData(['orders'])).toBeUndefined();
  await run(tokens.startSession(server.signIn({ user: 'grace' })));
  expect(seen.filter(([, orders]) => orders === 'of ada').every(([status]) => status === 'active')).toBe(true);
  client.setQueryData(['orders'], 'of grace');
  await run(tokens.startSession(server.signIn({ user: 'joan' }))); // without signing out in between
  expect(client.getQueryData(['orders'])).toBeUndefined();
});

test('S6: what was asked for while the session was being loaded is kept', async () => {
  const { world, run } = await signedIn();
  const { tokens } = world.manager();
  const client = createQueryClient(tokens);
  client.setQueryData(['orders'], 'of ada');
  await run(tokens.getAccessToken());
  expect(tokens.getSnapshot().status).toBe('active');
  expect(client.getQueryData(['orders'])).toBe('of ada');
});

test('S5: a query is tried again when waiting may help, and not before retryAt', async () => {
  const { tokens } = await signedIn();
  const { retry, retryDelay } = createQueryClient(tokens).getDefaultOptions().queries ?? {};
  const again = retry as (failures: number, error: Error) => boolean;
  const delay = retryDelay as (failures: number, error: Error) => number;
  vi.useFakeTimers({ now: 1_000 });
  const outage = new RefreshError('ERR_REFRESH_UNAVAILABLE', 'away', { attempts: 1, retryAt: 8_500 });
  expect([again(0, outage), delay(0, outage), again(3, outage)]).toEqual([true, 7_500, false]);
  const config = new RefreshError('ERR_REFRESH_CONFIG', 'wrong client', { attempts: 1 });
  for (const error of [
    new SessionError('ERR_NO_SESSION', 'nobody'),
    new OptionsError('ERR_DISPOSED', 'gone'),
    config,
  ]) {
    expect(again(0, error)).toBe(false);
  }
  const other = new Error('503');
  expect([again(2, other), again(3, other), delay(1, other)]).toEqual([true, false, 2_000]);
  vi.useRealTimers();
});

test('S5: a query that nobody is signed in for fails once, without asking again', async () => {
  const { tokens, run, server } = await signedIn();
  const client = createQueryClient(tokens);
  await run(tokens.endSession());
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  const queryFn = vi.fn(() => api(server.apiUrl));
  await expect(
    client.fetchQuery({ queryKey: ['orders'], queryFn, retry: client.getDefaultOptions().queries?.retry as never }),
  ).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  expect(queryFn).toHaveBeenCalledTimes(1);
});
