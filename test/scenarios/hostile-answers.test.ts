import { describe, expect, test } from 'vitest';
import type { TokenResponse } from '../../src/index.js';
import { createWorld } from '../support/world.js';

const LIFETIME = 600_000;
const MEGABYTE = 1_048_576;

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

/** Members of an answer, as JSON text, that nobody can use: instead of the access token, or besides. */
const hostile: [string, string][] = [
  ['an access token of a megabyte', `"access_token":"${'x'.repeat(MEGABYTE)}"`],
  ['an access token with a line break', '"access_token":"abc\\r\\nX-Evil: 1"'],
  ['an access token with a null character', '"access_token":"abc\\u0000def"'],
  ['an access token with an escape sequence', '"access_token":"\\u001b[31mred"'],
  ['an access token with a lone surrogate', '"access_token":"abc\\ud800def"'],
  ['an access token with a space', '"access_token":"abc def"'],
  ['an access token beyond ASCII', '"access_token":"ключ"'],
  ['an empty access token', '"access_token":""'],
  ['a number as access token', '"access_token":1e308'],
  ['an overflowing number as access token', '"access_token":1e999'],
  ['a boolean as access token', '"access_token":true'],
  ['null as access token', '"access_token":null'],
  ['an array as access token', '"access_token":["abc"]'],
  ['an object as access token', '"access_token":{"toString":"abc"}'],
  ['an access token nested 10 000 deep', `"access_token":${nested(10_000)}`],
  ['a member nested 10 000 deep', `"extra":${deep(10_000)}`],
  ['a __proto__ member', '"__proto__":{"polluted":true}'],
  ['a __proto__ member further in', '"extra":{"a":[{"__proto__":{"polluted":true}}]}'],
  ['a token type that is none of ours', '"token_type":"mac"'],
  ['a token type that is an object', '"token_type":{"polluted":true}'],
];

/** Too large to come from a token endpoint, though everything in it could be used. */
const oversized: [string, string] = [
  'a megabyte of other members',
  `"access_token":"abc","extra":"${'x'.repeat(MEGABYTE)}"`,
];

/** Whole answers that nobody can use. */
const bodies: [string, string][] = [
  ['nothing', ''],
  ['null', 'null'],
  ['an array', '[]'],
  ['an array of tokens', '["access_token"]'],
  ['a number', '42'],
  ['a string', '"access_token"'],
  ['a page', '<html><h1>Welcome to the hotel'],
  ['half of an object', '{"access_token":"abc"'],
  ['10 000 brackets', nested(10_000)],
  ['a megabyte of nothing', ' '.repeat(MEGABYTE)],
  ['a megabyte of text', `"${'x'.repeat(MEGABYTE)}"`],
  ['a thousand surrogates', '"\\ud800"'.repeat(1_000)],
  ['an answer with no access token', '{"token_type":"Bearer"}'],
  ['an inherited access token', '{"__proto__":{"access_token":"abc"}}'],
  ['an error that is an object', '{"error":{"__proto__":{"polluted":true}}}'],
  ['an error with control characters', '{"error":"\\r\\n\\u0000\\u001b[31m"}'],
  ['an error of a megabyte', `{"error":"${'x'.repeat(MEGABYTE)}"}`],
];

function expectUnpolluted(): void {
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.prototype).not.toHaveProperty('polluted');
  expect(Object.prototype).not.toHaveProperty('access_token');
}

/** A text that may stand in a log line. */
function expectPlain(text: string): void {
  expect(text.length).toBeLessThan(1_000);
  expect(text).toMatch(/^[\x20-\x7e]+$/);
}

async function signedIn() {
  const world = createWorld({ storage: 'fast' });
  const { tokens, events } = world.manager({ retry: { attempts: 1 } });
  await world.run(tokens.startSession(world.server.signIn()));
  await world.clock.advance(LIFETIME);
  return { world, tokens, events, server: world.server };
}

describe('a hostile token response is refused and reported, and pollutes nothing', () => {
  const all = [...bodies, ...hostile.map(([name, member]): [string, string] => [name, `{${member}}`])];
  for (const [name, body] of [...all, [oversized[0], `{${oversized[1]}}`] as const]) {
    test(name, async () => {
      const { world, tokens, events, server } = await signedIn();
      server.next({ body: () => body });
      const error = await world.failure(tokens.getAccessToken());
      expect(error).toMatchObject({ name: 'RefreshError', retryAt: expect.any(Number) });
      expect(error.code).toMatch(
        body.includes('"mac"') ? /^ERR_REFRESH_CONFIG$/ : /^ERR_REFRESH_(RESPONSE|UNAVAILABLE)$/,
      );
      expectPlain(error.message);
      expectUnpolluted();
      expect(events.filter(({ type }) => type === 'refreshFailed')).toHaveLength(1);
      expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error });
      expect([...world.stored.values()].join().length).toBeLessThan(2_000);
    });
  }

  for (const [name, member] of [...hostile, oversized]) {
    test(`a good refresh token beside ${name} is not lost`, async () => {
      const { world, tokens, events, server } = await signedIn();
      let rotated: string | undefined;
      server.next({
        acts: true,
        body: ({ refresh_token = '', access_token }: TokenResponse) => {
          rotated = refresh_token;
          const token = member.startsWith('"access_token"') ? '' : `"access_token":"${access_token}",`;
          return `{${token}${member},"expires_in":600,"refresh_token":"${refresh_token}"}`;
        },
      });
      const error = await world.failure(tokens.getAccessToken());
      // a token that is bound to a key is a matter of how the client is set up
      expect(error).toMatchObject({ code: member.includes('"mac"') ? 'ERR_REFRESH_CONFIG' : 'ERR_REFRESH_RESPONSE' });
      expectPlain(error.message);
      expectUnpolluted();
      await world.clock.advanceTo(error.retryAt ?? 0);
      const token = await world.run(tokens.getAccessToken());
      expect(server.inspect(token)?.active).toBe(true);
      expect(server.tokenRequests.map(({ refreshToken }) => refreshToken)).toContain(rotated);
      expect(server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
      expect(events.some(({ type }) => type === 'sessionEnded')).toBe(false);
    });
  }

  for (const [name, body] of all) {
    test(`and as a sign-in, ${name} is an option error that stores nothing`, async () => {
      const world = createWorld({ storage: 'fast' });
      const { tokens } = world.manager();
      let response: unknown = body;
      try {
        response = JSON.parse(body);
      } catch {
        // as it is
      }
      const error = await world.failure(tokens.startSession(response as TokenResponse));
      expect(error).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS' });
      expectPlain(error.message);
      expectUnpolluted();
      expect(world.stored.size).toBe(0);
    });
  }

  test('and a refresh function that returns nothing of use is a failed refresh', async () => {
    for (const value of [
      undefined,
      null,
      0,
      '',
      'text',
      [],
      {},
      () => undefined,
      new Map(),
      { access_token: {} },
      Object.create({ access_token: 'abc', expires_in: 600 }),
      new Date(Number.NaN),
    ]) {
      const world = createWorld();
      const { tokens } = world.manager({ refresh: (async () => value) as never, retry: { attempts: 1 } });
      await world.run(tokens.startSession(world.server.signIn()));
      await world.clock.advance(LIFETIME);
      expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_RESPONSE' });
      expect(tokens.getSnapshot().status).toBe('active');
    }
  });
});
