import { describe, expect, test } from 'vitest';
import type { RefreshError, RefreshRequest, TokenManagerOptions } from '../../src/index.js';
import { createWorld, json, MINUTE, outcome } from '../support/promise-world.js';

type Refresh = (request: RefreshRequest) => unknown;

/** The error that a caller gets when the refresh function answers like this, every time. */
async function failure(refresh: Refresh, options: Partial<TokenManagerOptions> = {}) {
  let asked = 0;
  const world = createWorld({
    refresh: ((request: RefreshRequest) => {
      asked++;
      return refresh(request);
    }) as never,
    ...options,
  });
  await world.tokens.startSession(world.server.signIn());
  await world.clock.advance(11 * MINUTE);
  const { error } = await outcome(world.clock, world.tokens.getAccessToken());
  return { ...world, error: error as RefreshError, asked: () => asked };
}

/** What fetch gives for a redirect: kept back, kept to itself as in a page, or followed. */
const moved = (init: ResponseInit) => new Response('', init);
const opaque = () => ({
  type: 'opaqueredirect',
  status: 0,
  url: 'https://auth.example/token',
  headers: new Headers(),
  bodyUsed: false,
  text: async () => '',
});
const followed = (url: string, body: string) => {
  const response = new Response(body, { status: 200, headers: { 'content-type': 'text/html' } });
  return Object.defineProperties(response, { redirected: { value: true }, url: { value: url } });
};

describe('a token endpoint that is not there is told where it leads to', () => {
  test.each([301, 302, 303, 307, 308])('a redirect with %i, without its query', async (status) => {
    const location = 'https://user:pass@login.example:8443/sign/in?next=/secret&code=abc#part';
    const { error } = await failure(() => moved({ status, headers: { location } }));
    expect(error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', status });
    expect(error.message).toContain('a redirect to https://login.example:8443/sign/in came, check url');
    expect(error.message).not.toMatch(/next|abc|part|user|pass/);
  });

  test('a redirect that was followed to a page', async () => {
    const { error } = await failure(() => followed('https://login.example/sign-in?state=1', '<!doctype html><p>hi'));
    expect(error).toMatchObject({ code: 'ERR_REFRESH_RESPONSE', status: 200 });
    expect(error.message).toContain(
      'HTML instead of JSON came, a redirect to https://login.example/sign-in came, check url',
    );
    expect(error.message).not.toContain('state');
  });

  test('a redirect to a path of the same server', async () => {
    const response = () =>
      Object.defineProperty(moved({ status: 308, headers: { location: '../token/?a=b' } }), 'url', {
        value: 'https://auth.example/oauth/token',
      });
    const { error } = await failure(response);
    expect(error.message).toContain('a redirect to https://auth.example/token/ came, check url');
  });

  test('a redirect whose target the browser keeps to itself, or that has none', async () => {
    for (const response of [opaque, () => moved({ status: 302 })]) {
      const { error } = await failure(response);
      expect(error.message).toContain('a redirect came, check url');
    }
  });

  test('a part of the path that may be a token is not shown', async () => {
    const { error } = await failure(({ refreshToken }) =>
      moved({ status: 302, headers: { location: `https://x.example/a/${refreshToken}` } }),
    );
    expect(error.message).toContain('[redacted] came, check url');
  });

  test.each([404, 405])('%i says to check url, and 400 does not', async (status) => {
    const { error } = await failure(() => new Response('', { status }));
    expect(error.message).toContain(`(check url, ${status})`);
    expect((await failure(() => new Response('', { status: 400 }))).error.message).not.toContain('check url');
  });

  test('an answer that redirects keeps the session, and is asked again', async () => {
    const { asked, clock, tokens } = await failure(() => moved({ status: 302, headers: { location: '/x' } }));
    expect(asked()).toBe(3);
    await clock.advance(10 * MINUTE);
    expect(tokens.getSnapshot().status).toBe('active');
  });
});

describe('HTML where JSON was expected says so', () => {
  test.each([
    ['a page', '<!DOCTYPE html><title>x</title>', true],
    ['a page behind blanks', '\n  <html>', true],
    ['XML', '<?xml version="1.0"?><Error/>', true],
    ['JSON', '{"message":"<html>"}', false],
    ['text', '< not a page', false],
    ['nothing', '', false],
  ])('%s', async (_, body, isPage) => {
    for (const status of [200, 400, 403, 503]) {
      const { error } = await failure(() => new Response(body, { status }));
      expect(error.message.includes('HTML instead of JSON came')).toBe(isPage);
    }
  });

  test('also in what an HTTP client throws', async () => {
    const { error } = await failure(() =>
      Promise.reject(Object.assign(new Error('x'), { response: { status: 403, data: '<html>no</html>' } })),
    );
    expect(error.message).toContain('HTML instead of JSON came, 403');
  });
});

describe('a mistake inside the refresh function is named as such', () => {
  const undefinedThing = () => undefined as unknown as { token: { value: string } };
  test.each<[string, Refresh, RegExp]>([
    ['a missing member', () => undefinedThing().token.value, /a TypeError, .*Cannot read properties of undefined/],
    ['a missing function', async () => (undefinedThing as unknown as { call2(): void }).call2(), /is not a function/],
    ['an unknown name', () => new Function('return notThere')(), /a ReferenceError, notThere is not defined/],
    [
      'no end',
      (request) =>
        (function again(): unknown {
          return again() ?? request;
        })(),
      /a RangeError, Maximum call/,
    ],
    ['a wrong address', () => new URL('/token'), /a TypeError, Invalid URL/],
  ])('%s', async (_, refresh, said) => {
    const { error } = await failure(refresh);
    expect(error).toMatchObject({ code: 'ERR_REFRESH_NETWORK' });
    expect(error.message).toMatch(/the refresh function threw a \w+Error, .+: a bug in it, not the network/);
    expect(error.message).toMatch(said);
  });

  test('and never with a token in it', async () => {
    const { error } = await failure(({ refreshToken }) => {
      throw new TypeError(`${refreshToken} is not a function`);
    });
    expect(error.message).toContain('a TypeError, [redacted] is not a function');
  });

  test('a network that fails is not', async () => {
    for (const message of ['Failed to fetch', 'fetch failed', 'Load failed', 'Network request failed']) {
      const { error } = await failure(() => Promise.reject(new TypeError(message)));
      expect(error.message).toBe('The token endpoint could not be reached; the session is kept, try again.');
    }
  });
});

describe('an access token that is bound to a key', () => {
  const bound = (request: RefreshRequest) =>
    json({ access_token: 'new', token_type: 'DPoP', refresh_token: `${request.refreshToken}+`, expires_in: 600 });

  test('is a matter of how the client is set up, and is not asked for again and again', async () => {
    const { error, asked, tokens, clock } = await failure(bound);
    expect(error).toMatchObject({ code: 'ERR_REFRESH_CONFIG', status: 200 });
    expect(error.message).toContain('a token that is bound to a key (DPoP) came');
    expect(asked()).toBe(1);
    await outcome(
      clock,
      tokens.getAccessToken().catch(() => undefined),
    );
    expect(asked()).toBe(1);
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('does not lose the refresh token that came with it', async () => {
    const presented: unknown[] = [];
    const { tokens, clock } = await failure((request) => {
      presented.push(request.refreshToken);
      return bound(request);
    });
    await clock.advance(2 * MINUTE);
    await outcome(
      clock,
      tokens.getAccessToken().catch(() => undefined),
    );
    expect(presented).toHaveLength(2);
    expect(presented[1]).toBe(`${presented[0]}+`);
  });

  test('was an answer: a refusal of the same refresh token after it is no lost rotation', async () => {
    let answers = 0;
    const { tokens, clock } = await failure(() =>
      answers++ ? json({ error: 'invalid_grant' }, 400) : json({ access_token: 'new', token_type: 'DPoP' }),
    );
    await clock.advance(2 * MINUTE);
    const { error } = await outcome(clock, tokens.getAccessToken());
    expect(error).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  });

  test('is refused as a sign-in, with the reason', async () => {
    const { tokens } = createWorld();
    const error = await tokens.startSession({ access_token: 'a', token_type: 'DPoP' }).catch((reason) => reason);
    expect(error).toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringContaining('bound to a key (DPoP)'),
    });
  });
});

describe('what a server says in words of its own', () => {
  test.each([
    ['a code', { error: 'refresh_token_expired' }, 401],
    ['a sentence', { message: 'The refresh token has been revoked.' }, 401],
    ['a parameter', { errors: [{ field: 'refresh_token', code: 'invalid' }] }, 400],
  ])('ends the session: %s', async (_, body, status) => {
    const { error, tokens } = await failure(() => json(body, status));
    expect(error).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(tokens.getSnapshot().status).toBe('none');
  });

  test('an invalid_grant that blames the scope is a matter of how the client is set up', async () => {
    const body = { error: 'invalid_grant', error_description: 'The requested scope is not allowed.' };
    const { error, tokens } = await failure(() => json(body, 400));
    expect(error).toMatchObject({ code: 'ERR_REFRESH_CONFIG', oauthError: 'invalid_grant' });
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('a code that may be an older refresh token is shown nowhere', async () => {
    const old = 'v1.MjQ0_dGhpcyBpcyBhbiBvbGQgdG9rZW4';
    const { error, events, tokens } = await failure(() => json({ error: old }, 400));
    expect(error).not.toHaveProperty('oauthError');
    expect(JSON.stringify([error.message, events, tokens.getSnapshot()])).not.toContain('MjQ0');
  });
});
