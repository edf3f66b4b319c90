import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess, StorageError, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

const LIFETIME = 600_000;
const dead = new StorageError('ERR_STORAGE_READ', 'this database is dead');

/** A storage in memory that can die, and an endpoint that knows whom the cookie belongs to. */
function home() {
  const clock = fakeClock();
  const items = new Map<string, string>();
  const world = {
    clock,
    items,
    user: 'alice' as string | undefined,
    asked: 0,
    /** How each call to the storage fails; undefined: it does not. */
    fail: undefined as (() => unknown) | undefined,
    fault: undefined as StorageError | undefined,
    page(): TokenManager {
      const call = <T>(work: () => T): T => (world.fail ? (world.fail() as T) : work());
      const storage = {
        getItem: (key: string) => call(() => items.get(key) ?? null),
        setItem: (key: string, value: string) => call(() => void items.set(key, value)),
        removeItem: (key: string) => call(() => void items.delete(key)),
        get fault() {
          return world.fault;
        },
      };
      return createTokenManager({
        refresh: async () => {
          world.asked++;
          const { user } = world;
          return user === undefined
            ? new Response(null, { status: 401 })
            : Response.json({ access_token: `${user}-${world.asked}`, expires_in: LIFETIME / 1000 });
        },
        refreshTokenIn: 'cookie',
        proactive: false,
        platform: { ...inProcess(), clock, storage },
      });
    },
    die(): void {
      world.fault = dead;
      world.fail = () => Promise.reject(dead);
    },
  };
  return world;
}

/** Lets everything go on for as long as any call may take, and tells the outcome. */
function soon<T>({ clock }: ReturnType<typeof home>, work: Promise<T>): Promise<T | string | undefined> {
  return clock.runUntil(work.catch((error: { code?: string }) => error.code));
}

describe.each([
  ['rejects', () => Promise.reject(new Error('QuotaExceededError'))],
  ['never answers', () => new Promise(() => undefined)],
])('with a cookie, and a storage that %s', (_, fail) => {
  test('a page signs in, is served, refreshed and signed out', async () => {
    const world = home();
    world.fail = fail;
    const tokens = world.page();
    expect(await soon(world, tokens.startSession())).toBeUndefined();
    expect(await soon(world, tokens.getAccessToken())).toBe('alice-1');
    await world.clock.advance(LIFETIME);
    expect(await soon(world, tokens.getAccessToken())).toBe('alice-2');
    await soon(world, tokens.endSession());
    expect(tokens.getSnapshot().status).toBe('none');
    tokens.dispose();
  });

  test('refresh() asks the endpoint although nothing is known', async () => {
    const world = home();
    world.fail = fail;
    const tokens = world.page();
    expect(await soon(world, tokens.getAccessToken())).toBe('ERR_STORAGE_READ');
    expect(await soon(world, tokens.refresh())).toBeUndefined();
    expect(await soon(world, tokens.getAccessToken())).toBe('alice-1');
    tokens.dispose();
  });
});

test('a page whose storage says that it is dead asks whom the cookie belongs to, without a sign-in', async () => {
  const world = home();
  world.die();
  const tokens = world.page();
  expect(await soon(world, tokens.getAccessToken())).toBe('alice-1');
  await world.clock.advance(LIFETIME);
  expect(await soon(world, tokens.getAccessToken())).toBe('alice-2');
  tokens.dispose();

  const next = world.page(); // a reload
  world.user = undefined;
  expect(await soon(world, next.getAccessToken())).toBe('ERR_NO_SESSION');
  expect((await next.ready()).status).toBe('none');
  next.dispose();
});

test('a session that was stored goes on when its storage dies for good', async () => {
  const world = home();
  const tokens = world.page();
  await soon(world, tokens.startSession());
  const { sessionId } = tokens.getSnapshot();
  world.die();
  await world.clock.advance(LIFETIME);
  expect(await soon(world, tokens.getAccessToken())).toBe('alice-2');
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', sessionId });
  tokens.dispose();
});

test('a stored session whose storage cannot be read for a while waits: the cookie may be somebody else’s by now', async () => {
  const world = home();
  const tokens = world.page();
  await soon(world, tokens.startSession());
  world.fail = () => Promise.reject(new Error('busy'));
  world.user = 'bob';
  await world.clock.advance(LIFETIME);
  expect(await soon(world, tokens.getAccessToken())).toBe('ERR_STORAGE_READ');
  expect(world.asked).toBe(1);
  world.fail = undefined;
  world.user = 'alice';
  expect(await soon(world, tokens.getAccessToken())).toBe('alice-2');
  tokens.dispose();
});

test('who signed in while the storage could not be read stays signed in when it can: no page falls back to the user before', async () => {
  const world = home();
  const before = world.page();
  await soon(world, before.startSession());
  before.dispose();
  await world.clock.advance(1_000);
  const tokens = world.page();
  world.fail = () => Promise.reject(new Error('busy'));
  world.user = 'bob';
  expect(await soon(world, tokens.startSession())).toBeUndefined();
  world.fail = undefined;
  await world.clock.advance(120_000); // the repair
  expect(await soon(world, tokens.getAccessToken())).toBe('bob-2');
  const next = world.page();
  expect(await soon(world, next.getAccessToken())).toBe('bob-2');
  expect([...world.items.values()].join()).not.toContain('alice');
  next.dispose();
  tokens.dispose();
});

test('two pages with one cookie and dead storages both go on, and none is signed out', async () => {
  const world = home();
  world.die();
  const pages = [world.page(), world.page()];
  for (let round = 0; round < 3; round++) {
    for (const tokens of pages) expect(await soon(world, tokens.getAccessToken())).toMatch(/^alice-/);
    await world.clock.advance(LIFETIME);
  }
  for (const tokens of pages) {
    expect(tokens.getSnapshot().status).toBe('active');
    tokens.dispose();
  }
});
