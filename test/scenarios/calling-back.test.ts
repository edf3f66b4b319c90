import { describe, expect, test } from 'vitest';
import {
  createFetch,
  isTokenError,
  type RefreshRequest,
  type TokenManager,
  type TokenStorage,
} from '../../src/index.js';
import { createWorld, type Seen, STORAGE_SPEEDS } from '../support/world.js';

const LIFETIME = 600_000;

type Api = typeof fetch;
const calls: [string, (tokens: TokenManager, api: Api, url: string) => Promise<unknown>][] = [
  ['getAccessToken', (tokens) => tokens.getAccessToken()],
  ['getAccessToken for an upload', (tokens) => tokens.getAccessToken({ minValidityMs: 590_000 })],
  ['replaceAccessToken', async (tokens) => tokens.replaceAccessToken('access.that-nobody-knows')],
  ['refresh', (tokens) => tokens.refresh()],
  ['startSession', (tokens) => tokens.startSession({ access_token: 'access.abcdefghijk0123456789', expires_in: 600 })],
  ['endSession', (tokens) => tokens.endSession()],
  [
    'dispose',
    async (tokens) => {
      tokens.dispose();
    },
  ],
  ['a request through its fetch', (_tokens, api, url) => api(`${url}/inner`)],
];

const bound = 120_000;

/** A promise that a test looks at later. */
function kept<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Whatever was called back settles, within the bounds of one refresh, with a value or a typed error. */
async function expectSettled(world: ReturnType<typeof createWorld>, promises: readonly Promise<unknown>[]) {
  let settled = 0;
  for (const promise of promises) {
    const done = () => void settled++;
    promise.then(done, (error) => {
      if (isTokenError(error)) return done();
      throw error;
    });
  }
  await world.clock.advance(bound);
  expect(promises.length).toBeGreaterThan(0);
  expect(settled).toBe(promises.length);
}

function prepare(world: ReturnType<typeof createWorld>, options: Parameters<typeof world.manager>[0] = {}) {
  const { tokens, events } = world.manager(options);
  const api = createFetch(tokens, { origins: [world.server.origin], fetch: world.server.fetch });
  return { tokens, events, api, url: world.server.apiUrl };
}

describe('a listener that calls back into the manager never hangs', () => {
  const types: Seen['type'][] = ['sessionStarted', 'refreshStarted', 'refreshed', 'refreshFailed', 'sessionEnded'];
  for (const [name, call] of calls) {
    test(`any event, ${name}`, async () => {
      for (const type of types) {
        const world = createWorld({ storage: 'fast' });
        const { tokens, api, url } = prepare(world);
        const inner: Promise<unknown>[] = [];
        tokens.on(type, () => {
          if (inner.length < 5) inner.push(kept(call(tokens, api, url)));
        });
        const outer: Promise<unknown>[] = [kept(tokens.startSession(world.server.signIn()))];
        await world.clock.advance(0);
        await expectSettled(world, [...outer, ...inner]); // before anything else comes to their help
        await world.clock.advance(LIFETIME);
        if (type === 'refreshFailed') world.server.next({ status: 503 });
        if (type === 'sessionEnded') world.server.revokeFamily();
        outer.push(kept(tokens.getAccessToken()));
        await world.clock.advance(1_000);
        await expectSettled(world, [...outer, ...inner]);
        expect(inner.length).toBeGreaterThan(0);
        tokens.dispose();
      }
    });
    test(`a change of the snapshot, ${name}`, async () => {
      const world = createWorld({ storage: 'fast' });
      const { tokens, api, url } = prepare(world);
      const inner: Promise<unknown>[] = [];
      tokens.subscribe(() => {
        if (inner.length < 5) inner.push(kept(call(tokens, api, url)));
      });
      const outer: Promise<unknown>[] = [kept(tokens.startSession(world.server.signIn()))];
      await world.clock.advance(0);
      await expectSettled(world, [...outer, ...inner]);
      await world.clock.advance(LIFETIME);
      outer.push(kept(tokens.getAccessToken()));
      await expectSettled(world, [...outer, ...inner]);
      tokens.dispose();
    });
  }
});

describe('a storage method that calls back into the manager never hangs', () => {
  for (const [name, call] of calls) {
    for (const method of ['getItem', 'setItem', 'removeItem'] as const) {
      test(`${method}, ${name}`, async () => {
        for (const waits of [false, true]) {
          const world = createWorld({ storage: 'fast' });
          const bare: TokenStorage = world.platform.storage;
          const inner: Promise<unknown>[] = [];
          let isArmed = false;
          const storage: TokenStorage = {
            ...bare,
            [method]: async (...args: [string, string]) => {
              if (isArmed) {
                isArmed = false;
                const called = kept(call(tokens, api, url));
                inner.push(called);
                // the worst of all: it waits for what it called, with the lock in our hands
                if (waits) await called.catch(() => undefined);
              }
              return (bare[method] as (...args: unknown[]) => unknown)(...args);
            },
          };
          const { tokens, api, url } = prepare(world, { platform: { ...world.platform, storage } });
          await world.run(tokens.startSession(world.server.signIn()));
          await world.clock.advance(LIFETIME);
          isArmed = true;
          const outer = [kept<unknown>(method === 'removeItem' ? tokens.endSession() : tokens.getAccessToken())];
          await world.clock.advance(1_000);
          await expectSettled(world, [...outer, ...inner]);
          tokens.dispose();
        }
      });
    }
  }
});

describe('a refresh function that calls back into the manager or its fetch completes or rejects with a typed error', () => {
  type Inner = (request: RefreshRequest, api: Api, tokens: TokenManager, url: string) => Promise<unknown>;
  const inside: [string, Inner][] = [
    ...calls.map(([name, call]): [string, Inner] => [
      `${name}, at once`,
      (_request, api, tokens, url) => call(tokens, api, url),
    ]),
    ...calls.map(([name, call]): [string, Inner] => [
      `${name}, after an await`,
      async (_request, api, tokens, url) => {
        await Promise.resolve();
        await Promise.resolve();
        return call(tokens, api, url);
      },
    ]),
    ['a request with its signal', ({ signal }, api, _tokens, url) => api(`${url}/inner`, { signal })],
    ['a Request with its signal', ({ signal }, api, _tokens, url) => api(new Request(`${url}/inner`, { signal }))],
    [
      'a request with its signal, after an await',
      async ({ signal }, api, _tokens, url) => {
        await Promise.resolve();
        return api(`${url}/inner`, { signal });
      },
    ],
    ['getAccessToken with its signal', ({ signal }, _api, tokens) => tokens.getAccessToken({ signal })],
  ];
  for (const [name, inner] of inside) {
    test(`${name}: what it calls settles, and so does who waits for the refresh`, async () => {
      for (const speed of STORAGE_SPEEDS) {
        const world = createWorld({ storage: speed });
        const called: Promise<unknown>[] = [];
        const { tokens, api, url } = prepare(world, {
          refresh: async (request) => {
            const one = kept(inner(request, api, tokens, url));
            called.push(one);
            await one.catch(() => undefined); // waits for it, so that a hanging one would be a deadlock
            return world.refresh(request);
          },
        });
        await world.run(tokens.startSession(world.server.signIn()));
        await world.clock.advance(LIFETIME);
        const waiting = tokens.getAccessToken();
        await expectSettled(world, [waiting]);
        await expectSettled(world, called);
        tokens.dispose();
      }
    });
  }

  for (const [form, send] of [
    ['a URL', (api: Api, url: string, init: RequestInit) => api(url, init)],
    [
      'a Request and init',
      (api: Api, url: string, { signal, ...init }: RequestInit) =>
        api(new Request(url, init), { signal: signal ?? null }),
    ],
  ] as const) {
    test(`the request for new tokens itself, as ${form} with the signal, passes through the wrapped fetch untouched`, async () => {
      const world = createWorld();
      const { tokens, api } = prepare(world, {
        refresh: async ({ refreshToken = '', signal }) => {
          await Promise.resolve();
          const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
          return send(api, world.server.tokenUrl, { method: 'POST', body, signal });
        },
      });
      await world.run(tokens.startSession(world.server.signIn()));
      await world.clock.advance(LIFETIME);
      const token = await world.run(tokens.getAccessToken());
      expect(world.server.inspect(token)?.active).toBe(true);
      expect(world.server.tokenRequests).toHaveLength(1);
      expect(world.server.tokenRequests[0]?.headers).not.toHaveProperty('authorization');
    });
  }
});
