import { describe, expect, test } from 'vitest';
import { mistakenTokens } from '../../src/core/mistaken-tokens.js';
import { createTokenManager, inProcess } from '../../src/index.js';

const secret = 'canary-4f9a7c1e';
const answer = { access_token: secret, refresh_token: secret, expires_in: 300 };
const start = async (given: unknown, options = {}): Promise<Error | undefined> => {
  const tokens = createTokenManager({ refresh: async () => answer, platform: inProcess(), ...options });
  const error = await tokens.startSession(given as never).catch((reason: Error) => reason);
  tokens.dispose();
  return error as Error | undefined;
};

describe('startSession() says what came in place of a token response, and what to write instead', () => {
  test.each<[string, () => unknown, string]>([
    ['a Response', () => Response.json(answer), 'a Response came: write startSession(await response.json())'],
    ['a promise', () => Promise.resolve(answer), 'a promise came: write startSession(await promise)'],
    [
      'names in camelCase',
      () => ({ accessToken: secret, refreshToken: secret, expiresIn: 300 }),
      'accessToken came: write startSession({ access_token, refresh_token, expires_in })',
    ],
    [
      'what axios resolves to',
      () => ({ data: answer, status: 200, headers: {}, config: {} }),
      'data.access_token came: write startSession(answer.data)',
    ],
    [
      'an answer with a session in it',
      () => ({ session: answer, user: {} }),
      'session.access_token came: write startSession(answer.session)',
    ],
    [
      'an access token alone',
      () => secret,
      'a string came: write startSession({ access_token, refresh_token, expires_in })',
    ],
    [
      'the answer of a server that refused',
      () => ({ error: secret }),
      'an error came: look at the status of the answer',
    ],
  ])('%s', async (_, make, what) => {
    expect(await start(make())).toMatchObject({
      name: 'OptionsError',
      code: 'ERR_OPTIONS',
      message: `Expected startSession() to be given a token response (RFC 6749 section 5.1), but ${what}.`,
    });
    expect(what).not.toContain(secret);
  });

  test('where both tokens are in cookies, an unread answer is no sign-in either; what was read is one', async () => {
    const cookies = { refreshTokenIn: 'cookie', accessTokenIn: 'cookie' };
    const refused = new Response('', { status: 401 });
    expect((await start(refused, cookies))?.message).toContain('a Response came');
    expect((await start(Promise.resolve({}), cookies))?.message).toContain('a promise came');
    expect(await start({ user: 'ada' }, cookies)).toBeUndefined();
  });

  test('a token response is no mistake, whatever else is in it', () => {
    for (const more of [{}, { accessToken: 'a' }, { data: answer }, { error: '' }]) {
      expect(mistakenTokens({ ...answer, ...more })).toBeUndefined();
    }
    for (const other of [undefined, null, 5, {}, [], { data: null }, { data: 'text' }]) {
      expect(mistakenTokens(other)).toBeUndefined();
    }
  });
});
