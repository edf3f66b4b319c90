import { describe, expect, test } from 'vitest';
import type { RefreshRequest } from '../../src/index.js';
import { createWorld } from '../support/world.js';

/** What a caller is told when the refresh function ends like this. */
async function refusedBy(refresh: (request: RefreshRequest) => Promise<Response>) {
  const world = createWorld();
  const { tokens } = world.manager({ refresh, retry: { attempts: 1, minDelayMs: 500, maxDelayMs: 60_000 } });
  await world.run(tokens.startSession(world.server.signIn()));
  const error = await world.failure(tokens.refresh());
  return { error, status: tokens.getSnapshot().status };
}

describe('a refresh function that throws the OAuth error is understood as if it had returned it', () => {
  test.each([
    [{ error: 'invalid_grant' }, 'ERR_SESSION_REJECTED', 'none'],
    [
      { error: 'invalid_grant', error_description: 'token request is already being processed' },
      'ERR_REFRESH_UNAVAILABLE',
      'active',
    ],
    [{ error: 'invalid_grant', suberror: 'basic_action' }, 'ERR_REFRESH_INTERACTION', 'active'],
    [{ error: 'invalid_grant', error_subtype: 'invalid_rapt' }, 'ERR_REFRESH_INTERACTION', 'active'],
  ])('%j', async (members, code, status) => {
    const told = await refusedBy(() => Promise.reject(Object.assign(new Error('refused'), members)));
    expect([told.error.code, told.status]).toEqual([code, status]);
  });
});

describe('a server that puts the refresh token where the error code belongs', () => {
  test.each([
    ['the whole', (secret: string) => secret.slice(0, 64)],
    ['its front', (secret: string) => secret.slice(0, 12)],
    ['its end, in a code', (secret: string) => `bad.${secret.slice(-12)}`],
  ])('does not make an error tell it: %s', async (_, part) => {
    let shown = '';
    const told = await refusedBy(async ({ refreshToken = '' }) => {
      shown = part(refreshToken);
      return Response.json({ error: shown }, { status: 400 });
    });
    expect(shown).toMatch(/^[\w.-]+$/);
    expect(told.error.code).toBe('ERR_REFRESH_UNAVAILABLE');
    expect(Object.getOwnPropertyNames(told.error)).not.toContain('oauthError');
    expect(told.error.message).not.toContain(shown.slice(-6));
  });

  test('a code in words is told also where the refresh token has one of the words', async () => {
    const world = createWorld();
    const { tokens } = world.manager({
      refresh: async () => Response.json({ error: 'refresh_denied' }, { status: 400 }),
    });
    await world.run(tokens.startSession({ ...world.server.signIn(), refresh_token: 'my-refresh-token' }));
    expect(await world.failure(tokens.refresh())).toMatchObject({ oauthError: 'refresh_denied' });
  });
});
