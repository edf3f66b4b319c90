import { describe, expect, test } from 'vitest';
import { keyGone } from '../../src/core/lost-key.js';
import { type Asked, readAnswer, readThrown } from '../../src/manager/answer.js';
import { recordWith } from '../support/session-records.js';

/** A request that was sent a second ago. */
const asked = (more: Partial<Asked> = {}): Asked => ({
  requestedAt: 1_000,
  previous: recordWith().tokens,
  secrets: ['old-refresh-token-1', undefined],
  isHidden: false,
  now: () => 2_000,
  ...more,
});

async function used(response: Response): Promise<Response> {
  await response.text();
  return response;
}

describe('a Response that was read already', () => {
  test('is a success where script sees no token in it: the cookies came with its headers', async () => {
    const answer = await readAnswer(await used(new Response('{}')), asked({ isHidden: true }));
    expect(answer.tokens).toMatchObject({ accessToken: '', issuedAt: 1_000 });
  });

  test.each([
    ['that is no success', 503, true],
    ['whose tokens script has to see', 200, false],
  ])('is of no use %s', async (_, status, isHidden) => {
    const answer = await readAnswer(await used(new Response('{}', { status })), asked({ isHidden }));
    expect(answer).toMatchObject({
      code: 'ERR_REFRESH_RESPONSE',
      detail: 'its body was read already; return the Response unread',
      failure: { kind: 'unknown', status },
    });
  });
});

describe('an access token that is bound to a key', () => {
  const bound = { access_token: 'new-access', token_type: 'DPoP', refresh_token: 'new-refresh' };

  test('is read where the session is bound to one', async () => {
    expect((await readAnswer(bound, asked({ binding: 'key' }))).tokens).toMatchObject({ accessToken: 'new-access' });
  });

  test('is a matter of how the client is set up where it is not, and was an answer', async () => {
    expect(await readAnswer(bound, asked())).toMatchObject({
      code: 'ERR_REFRESH_CONFIG',
      failure: { kind: 'config' },
      isAnswer: true,
      refreshToken: 'new-refresh',
    });
  });
});

describe('a key that is gone', () => {
  test('ends the session that is bound to it: nothing was asked', async () => {
    const lost = keyGone('key');
    expect(await readThrown(lost, asked({ binding: 'key' }))).toEqual({
      failure: { kind: 'transient' },
      code: 'ERR_REFRESH_NETWORK',
      isAnswer: false,
      cause: undefined,
      lost,
    });
  });

  test('is another error where the session is bound to another one, or to none', async () => {
    for (const binding of ['other', undefined]) {
      const answer = await readThrown(keyGone('key'), asked({ binding }));
      expect(answer).toMatchObject({ code: 'ERR_REFRESH_NETWORK', cause: { name: 'SessionError' } });
      expect(answer).not.toHaveProperty('lost');
    }
  });
});

test.each([
  [299, false],
  [300, true],
  [399, true],
  [400, false],
])('where an answer with %i leads to is told: %s', async (status, isTold) => {
  const answer = await readAnswer(
    { status, text: async () => '', headers: new Headers({ location: 'https://login.example/' }), bodyUsed: false },
    asked(),
  );
  const detail = 'detail' in answer ? (answer.detail ?? '') : '';
  expect(detail.includes('a redirect to https://login.example/ came')).toBe(isTold);
});

test.each([
  ['a part of a secret that ends in a word', 'old-refresh', undefined],
  ['one that begins with a word', 'refresh-token', undefined],
  ['a word that is a part of one', 'refresh', 'refresh'],
])('an OAuth code that is %s: %s is given as %s', async (_, error, oauthError) => {
  const answer = await readAnswer(Response.json({ error }, { status: 400 }), asked());
  expect(answer).toMatchObject({ failure: { status: 400 } });
  expect((answer as { failure?: { oauthError?: string } }).failure?.oauthError).toBe(oauthError);
});
