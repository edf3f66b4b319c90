import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createFetch, createTokenManager, type TokenManagerOptions, tokenEndpoint } from '../../src/index.js';
import { createSecretWatch } from '../support/secret-watch.js';
import { createWorld, type World } from '../support/world.js';

const LIFETIME = 600_000;
const ID_SCOPE = { scope: 'openid', claims: { name: 'Ada' } };

describe('the watch for secrets sees', () => {
  const token = 'refresh.q7W-ertzU_opAsdFghjKl';
  const places: [string, unknown][] = [
    ['a message', new Error(`no ${token}`)],
    ['a part of a token', new Error('no sdFghjKl')],
    ['a cause', new Error('no', { cause: new Error('deep', { cause: { config: { data: token } } }) })],
    ['a hidden member', Object.defineProperty({}, 'hidden', { value: { token } })],
    ['a symbol', { [Symbol('s')]: token }],
    ['a nested list', [[[{ list: [token] }]]]],
    ['a map', new Map([['session', token]])],
    ['a stack', Object.assign(new Error('no'), { stack: token })],
  ];
  for (const [name, value] of places) {
    test(name, () => {
      const watch = createSecretWatch();
      watch.learn(JSON.stringify({ token }));
      watch.see('it', value);
      expect(watch.leaks()).toHaveLength(1);
    });
  }

  test('and nothing where there is nothing', () => {
    const watch = createSecretWatch();
    watch.learn(token);
    watch.see('it', [new Error('The refresh. was refused'), { access: 'token' }, 'qwertz']);
    expect(watch.leaks()).toEqual([]);
  });
});

/** What a careless HTTP client, storage or server puts into what it throws and answers. */
function careless(secret: string): Error {
  const error = new Error(`request with ${secret} failed`, { cause: { config: { data: `refresh_token=${secret}` } } });
  return Object.assign(error, {
    request: { body: secret },
    code: secret,
    name: `E${secret}`,
    token: secret,
    error_description: secret,
  });
}

describe('no token, in whole or in part, is in any error, event, snapshot, console output, channel message, lock name or storage key', () => {
  const hold = (world: World) => [...world.stored.values()].join();
  const cases: [string, (world: World) => Partial<TokenManagerOptions>][] = [
    [
      'when the refresh function throws it',
      () => ({ refresh: async ({ refreshToken = '' }) => Promise.reject(careless(refreshToken)) }),
    ],
    [
      'when the refresh function throws it as a text',
      () => ({ refresh: async ({ refreshToken }) => Promise.reject(refreshToken) }),
    ],
    [
      'when the refresh function throws it with a status',
      () => ({
        refresh: async ({ refreshToken = '' }) =>
          Promise.reject(Object.assign(careless(refreshToken), { status: 400, error: refreshToken })),
      }),
    ],
    [
      'when the refresh function throws the access token, reversed in parts',
      () => ({
        refresh: async ({ accessToken = '' }) =>
          Promise.reject(
            new Error(`${accessToken.slice(0, 20)} ${accessToken.slice(20)} ${encodeURIComponent(accessToken)}`),
          ),
      }),
    ],
    [
      'when the refresh function throws an answer that holds it',
      () => ({
        refresh: async ({ refreshToken = '' }) =>
          Promise.reject(
            Object.assign(careless(refreshToken), {
              response: {
                status: 500,
                data: { error: refreshToken, token: refreshToken },
                headers: { 'retry-after': refreshToken },
              },
            }),
          ),
      }),
    ],
    [
      'when the server repeats it',
      (world) => {
        world.server.always(({ refreshToken = '' }) => ({
          status: 400,
          body: { error: refreshToken, error_description: refreshToken, error_uri: refreshToken },
        }));
        return {};
      },
    ],
    [
      'when the server repeats it in a page',
      (world) => {
        world.server.always(({ refreshToken = '' }) => ({
          status: 500,
          body: `<html>${refreshToken}`,
          headers: { 'Retry-After': refreshToken, 'X-Token': refreshToken },
        }));
        return {};
      },
    ],
    [
      'when the server proves with it that the session is dead',
      (world) => {
        world.server.always(({ refreshToken = '' }) => ({
          status: 400,
          body: { error: 'invalid_grant', error_description: refreshToken },
        }));
        return {};
      },
    ],
    [
      'when the answer is broken',
      (world) => {
        world.server.always({ acts: true, body: (own: object) => `${JSON.stringify(own).slice(0, -1)} oops` });
        return {};
      },
    ],
    [
      'when the answer has line breaks in its token',
      (world) => {
        world.server.always({
          acts: true,
          body: (own: { access_token: string }) => ({ ...own, access_token: `${own.access_token}\r\n` }),
        });
        return {};
      },
    ],
    [
      'when storage throws it on reading',
      (world) => ({
        platform: {
          ...world.platform,
          storage: {
            ...world.platform.storage,
            getItem: () => {
              throw careless(hold(world));
            },
          },
        },
      }),
    ],
    [
      'when storage rejects with it on writing',
      (world) => ({
        platform: {
          ...world.platform,
          storage: {
            ...world.platform.storage,
            setItem: async (_key, value) => {
              world.watch.learn(value);
              throw careless(value);
            },
          },
        },
      }),
    ],
    [
      'when storage rejects with it on removing',
      (world) => ({
        platform: {
          ...world.platform,
          storage: {
            ...world.platform.storage,
            removeItem: async () => {
              throw careless(hold(world));
            },
          },
        },
      }),
    ],
    [
      'when the lock rejects with it',
      (world) => ({
        platform: { ...world.platform, lock: { run: async () => Promise.reject(careless(hold(world))) } },
      }),
    ],
    [
      'when the record is damaged',
      (world) => {
        const { storage } = world.platform;
        return {
          platform: {
            ...world.platform,
            storage: { ...storage, getItem: async (key) => (await storage.getItem(key))?.slice(0, -9) ?? null },
          },
        };
      },
    ],
    [
      'when revoking fails with it',
      () => ({ revoke: async ({ refreshToken = '' }) => Promise.reject(careless(refreshToken)) }),
    ],
    ['when nothing fails', () => ({ revoke: async () => undefined })],
  ];
  for (const [name, prepare] of cases) {
    test(name, async () => {
      for (const tokenFormat of ['opaque', 'jwt'] as const) {
        const world = createWorld({ storage: 'fast', server: { tokenFormat } });
        const { tokens: before } = world.manager();
        await world.run(before.startSession(world.server.signIn(ID_SCOPE)));
        before.dispose();
        const { tokens, events } = world.manager({ proactive: true, ...prepare(world) });
        tokens.subscribe(() => world.watch.see('snapshot', tokens.getSnapshot()));
        const api = createFetch(tokens, { origins: [world.server.origin], fetch: world.server.fetch });
        const settle = (promise: Promise<unknown>) => world.run(Promise.allSettled([promise]));
        await settle(tokens.getAccessToken());
        world.server.always(
          ({ accessToken = '' }) => ({
            status: 401,
            headers: {
              'WWW-Authenticate': `Bearer realm="${accessToken}", error="invalid_token", error_description="${accessToken.slice(9)}"`,
            },
          }),
          { endpoint: 'api' },
        );
        await settle(api(`${world.server.apiUrl}/things`));
        await world.clock.advance(LIFETIME);
        await settle(tokens.getAccessToken());
        await settle(tokens.refresh());
        await settle(tokens.startSession(world.server.signIn(ID_SCOPE)));
        await settle(tokens.refresh());
        await settle(tokens.endSession());
        await settle(tokens.getAccessToken());
        await world.clock.advance(LIFETIME);
        world.watch.see('printed', format('%o %j %s %O', tokens, tokens, tokens, tokens));
        tokens.dispose();
        await settle(tokens.getAccessToken());
        expect(events.length).toBeGreaterThan(0);
        expect(world.watch.counts.tokens).toBeGreaterThanOrEqual(2);
        expect(world.watch.counts.seen).toBeGreaterThan(10);
        expect(world.watch.leaks()).toEqual([]);
      }
    });
  }
});

test('inspecting and serializing a manager shows its state and no secret', async () => {
  const world = createWorld();
  const { refresh, platform, server, watch } = world;
  const manager = createTokenManager({ refresh, platform, revoke: async () => undefined });
  const first = server.signIn(ID_SCOPE);
  watch.learn(JSON.stringify(first));
  await world.run(manager.startSession(first));
  for (const shown of [
    inspect(manager),
    inspect(manager, { depth: 10, showHidden: true }),
    JSON.stringify(manager),
    format('%o', manager),
  ]) {
    expect(shown).toMatch(/active/);
    expect(shown).toContain(manager.getSnapshot().sessionId);
    watch.see('manager', shown);
  }
  watch.see('manager', manager);
  watch.see('snapshot', manager.getSnapshot());
  watch.see('fetch', createFetch(manager, { origins: [server.origin] }));
  expect(watch.leaks()).toEqual([]);
  manager.dispose();
});

describe('plain http token endpoints and origins are refused, loopback aside, unless allowInsecure is set', () => {
  const insecure = [
    'http://auth.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://10.0.0.1',
    'http://[::2]',
    'http://0.0.0.0',
  ];
  const loopback = ['http://localhost:8080', 'http://127.0.0.1', 'http://127.0.0.2:99', 'http://[::1]:3000'];
  const source = { getAccessToken: async () => 'x', replaceAccessToken: async () => 'x' };
  const ways: [string, (origin: string, allowInsecure?: boolean) => unknown][] = [
    [
      'tokenEndpoint',
      (origin, allowInsecure) => tokenEndpoint({ url: `${origin}/token`, clientId: 'app', allowInsecure }),
    ],
    ['createFetch', (origin, allowInsecure) => createFetch(source, { origins: [origin], allowInsecure })],
  ];
  for (const [name, make] of ways) {
    test(name, () => {
      for (const origin of insecure) {
        const refused = () => make(origin);
        expect(refused, origin).toThrow(expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS' }));
        expect(refused, origin).toThrow(/https/);
        expect(refused, origin).toThrow(/allowInsecure/);
        expect(() => make(origin, true), origin).not.toThrow();
      }
      for (const origin of [...loopback, 'https://auth.example']) expect(() => make(origin), origin).not.toThrow();
      for (const origin of ['ftp://auth.example', 'javascript:alert(1)', '', 'auth.example']) {
        expect(() => make(origin, true), origin).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
      }
    });
  }
});
