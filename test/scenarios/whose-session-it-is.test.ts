import { expect, test, vi } from 'vitest';
import {
  createTokenManager,
  inProcess,
  type Platform,
  type RefreshTokens,
  type TokenManager,
  tokenEndpoint,
} from '../../src/index.js';
import { type FakeClock, fakeClock } from '../../src/testing.js';
import { outcome } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';

const HOUR = 3_600_000;
const SHOP = 'shop@https://auth.example/token';
const ADMIN = 'admin@https://auth.example/token';

interface Origin {
  readonly clock: FakeClock;
  readonly platform: Platform;
  readonly stored: Map<string, string>;
}

function originWith(stored = new Map<string, string>()): Origin {
  const clock = fakeClock();
  const storage: Platform['storage'] = {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => void stored.set(key, value),
    removeItem: (key) => void stored.delete(key),
  };
  return { clock, stored, platform: { ...inProcess(), clock, storage } };
}

interface Application {
  readonly tokens: TokenManager;
  /** The refresh tokens that its endpoint was given. */
  readonly presented: string[];
  readonly faults: Error[];
}

function application({ platform }: Origin, clientId: string, key?: string, wrap = false): Application {
  const presented: string[] = [];
  const send: typeof fetch = async (_, init) => {
    presented.push(new URLSearchParams(String(init?.body)).get('refresh_token') ?? '(none)');
    const count = presented.length;
    return Response.json({
      access_token: `at-${clientId}-${count}`,
      refresh_token: `rt-${clientId}-${count}`,
      expires_in: 3600,
    });
  };
  const endpoint = tokenEndpoint({ url: 'https://auth.example/token', clientId, fetch: send });
  const refresh: RefreshTokens = wrap ? (request) => endpoint(request) : endpoint;
  const tokens = createTokenManager({ refresh, key, platform, proactive: false });
  const faults: Error[] = [];
  tokens.on('storageFailed', ({ error }) => faults.push(error));
  return { tokens, presented, faults };
}

function signIn({ tokens }: Application, name: string): Promise<void> {
  return tokens.startSession({ access_token: `at-${name}-0`, refresh_token: `rt-${name}-0`, expires_in: 3600 });
}

function recordUnder(stored: Map<string, string>, key: string): Record<string, unknown> {
  return JSON.parse(stored.get(key) ?? 'null');
}

test('two applications with the same lines on one origin keep a session each', async () => {
  const origin = originWith();
  const shop = application(origin, 'shop');
  const admin = application(origin, 'admin');
  await signIn(shop, 'shop');
  await expect(admin.tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  await signIn(admin, 'admin');
  expect([...origin.stored.keys()]).toEqual([`evertoken:${SHOP}`, `evertoken:${ADMIN}`]);
  await origin.clock.advance(HOUR);
  expect(await outcome(origin.clock, shop.tokens.getAccessToken())).toMatchObject({ value: 'at-shop-1' });
  expect(await outcome(origin.clock, admin.tokens.getAccessToken())).toMatchObject({ value: 'at-admin-1' });
  await shop.tokens.endSession();
  expect(admin.tokens.getSnapshot().status).toBe('active');
  expect([shop.presented, admin.presented]).toEqual([['rt-shop-0'], ['rt-admin-0']]);
});

test.each([
  ['another client', 'admin', false, ADMIN],
  ['a refresh function that names no client', 'shop', true, 'an unnamed client'],
] as const)(
  'a session is presented by %s nowhere, whatever the key, and the error says both',
  async (_, clientId, wrap, own) => {
    const origin = originWith();
    await signIn(application(origin, 'shop', 'main'), 'shop');
    const before = origin.stored.get('evertoken:main');
    await origin.clock.advance(HOUR);
    const other = application(origin, clientId, 'main', wrap);
    for (let call = 0; call < 3; call++) {
      await expect(other.tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    }
    await other.tokens.endSession();
    expect(other.presented).toEqual([]);
    expect(origin.stored.get('evertoken:main')).toBe(before);
    expect(other.faults).toEqual([
      expect.objectContaining({
        code: 'ERR_STORAGE_CORRUPT',
        message: sentence(
          `Expected a session of ${own} under 'evertoken:main', but it belongs to ${SHOP}; it is left alone until the next startSession(); give each client a key of its own.`,
          `${own === ADMIN ? `${ADMIN} ` : ''}evertoken:main ${SHOP}`,
        ),
      }),
    ]);
    expect(other.tokens.getSnapshot()).toMatchObject({ status: 'none', error: { code: 'ERR_STORAGE_CORRUPT' } });
  },
);

test('a running session whose place another client has taken presents nothing, signs nobody out, and writes nothing', async () => {
  const origin = originWith();
  const shop = application(origin, 'shop', 'main');
  const admin = application(origin, 'admin', 'main');
  await signIn(shop, 'shop');
  await signIn(admin, 'admin'); // replaces what was there
  expect(recordUnder(origin.stored, 'evertoken:main')).toMatchObject({ owner: ADMIN, refreshToken: 'rt-admin-0' });
  await expect(shop.tokens.getAccessToken()).resolves.toBe('at-shop-0');
  for (let hour = 0; hour < 3; hour++) {
    await origin.clock.advance(HOUR);
    expect(await outcome(origin.clock, shop.tokens.getAccessToken())).toMatchObject({
      error: {
        code: 'ERR_STORAGE_CORRUPT',
        message: sentence(`belongs to ${ADMIN}`, `${SHOP} evertoken:main ${ADMIN}`),
      },
    });
    expect(await outcome(origin.clock, admin.tokens.getAccessToken())).toMatchObject({ value: `at-admin-${hour + 1}` });
  }
  expect(shop.faults).toHaveLength(1);
  await outcome(origin.clock, shop.tokens.endSession());
  expect(recordUnder(origin.stored, 'evertoken:main')).toMatchObject({ owner: ADMIN, refreshToken: 'rt-admin-3' });
  expect(shop.presented).toEqual([]);
  expect(admin.tokens.getSnapshot().status).toBe('active');
});

test('a session that could not be stored yet is not written over that of another client', async () => {
  const origin = originWith();
  const { storage } = origin.platform;
  const full = { ...storage, setItem: () => Promise.reject(new Error('full')) };
  const shop = application({ ...origin, platform: { ...origin.platform, storage: full } }, 'shop', 'main');
  await signIn(shop, 'shop');
  full.setItem = storage.setItem as typeof full.setItem;
  await signIn(application(origin, 'admin', 'main'), 'admin');
  await origin.clock.advance(600_000);
  expect(recordUnder(origin.stored, 'evertoken:main')).toMatchObject({ owner: ADMIN });
  await expect(shop.tokens.getAccessToken()).resolves.toBe('at-shop-0');
});

test('a record that names nobody is ours, and belongs to us from the next refresh on', async () => {
  const origin = originWith();
  const shop = application(origin, 'shop', 'main');
  await signIn(shop, 'shop');
  const { owner, ...old } = recordUnder(origin.stored, 'evertoken:main');
  expect(owner).toBe(SHOP);
  const upgraded = originWith(new Map([['evertoken:main', JSON.stringify(old)]]));
  const again = application(upgraded, 'shop', 'main');
  await expect(again.tokens.getAccessToken()).resolves.toBe('at-shop-0');
  await upgraded.clock.advance(HOUR);
  expect(await outcome(upgraded.clock, again.tokens.getAccessToken())).toMatchObject({ value: 'at-shop-1' });
  expect(recordUnder(upgraded.stored, 'evertoken:main')).toMatchObject({ evertoken: 1, owner: SHOP });
});

test('the name of a session holds no secret of its client', async () => {
  const origin = originWith();
  const secret = vi.fn(async () => Response.json({ access_token: 'at' }));
  const tokens = createTokenManager({
    refresh: tokenEndpoint({
      url: 'https://auth.example/token?api_key=canary-query',
      clientId: 'shop',
      clientSecret: 'canary-secret',
      parameters: { audience: 'canary-parameter' },
      headers: { 'X-Key': 'canary-header' },
      fetch: secret,
    }),
    platform: origin.platform,
  });
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 3600 });
  expect([...origin.stored.keys()]).toEqual([`evertoken:${SHOP}`]);
  expect([...origin.stored.values()].join()).not.toContain('canary');
  tokens.dispose();
});
