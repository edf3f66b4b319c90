import { expect, test } from 'vitest';
import type { Platform, TokenStorage } from '../../src/index.js';
import { createWorld, type World } from '../support/world.js';

// Each of these was a seed of the simulation that ended badly; here it is without the noise.

const HOUR = 3_600_000;
const KEY = 'evertoken:session';

/** A platform that hears of no peer. */
function deaf({ platform }: World, parts: Partial<Platform> = {}): Platform {
  return { ...platform, channel: { announce: () => undefined, subscribe: () => () => undefined }, ...parts };
}

/** The storage of the world, behind a door that can be shut for the next read. */
function withDoor(storage: TokenStorage): { storage: TokenStorage; shut(): { open(): void } } {
  let closed: Promise<void> | undefined;
  return {
    storage: {
      getItem: async (key) => {
        const waiting = closed;
        closed = undefined;
        await waiting;
        return storage.getItem(key);
      },
      setItem: (key, value) => storage.setItem(key, value),
      removeItem: (key) => storage.removeItem(key),
    },
    shut: () => {
      let open = (): void => undefined;
      closed = new Promise((resolve) => {
        open = resolve;
      });
      return { open };
    },
  };
}

test.each([
  ['and the clock went on', 0],
  ['and the clock was set back', -HOUR],
])('a peer that missed a sign-out does not write its old session over the next one, %s', async (_, shift) => {
  const world = createWorld();
  const first = world.manager();
  const second = world.manager({ platform: deaf(world) });
  await world.run(first.tokens.startSession(world.server.signIn()));
  for (let turn = 0; turn < 3; turn++) await world.run(first.tokens.refresh());
  await world.run(second.tokens.getAccessToken());
  await world.run(first.tokens.endSession());
  world.clock.set(world.clock.now() + shift);
  const third = world.manager({ platform: deaf(world) });
  await world.run(third.tokens.startSession(world.server.signIn()));
  const { sessionId } = third.tokens.getSnapshot();
  await world.run(second.tokens.refresh().catch(() => undefined));
  expect(world.stored.get(KEY)).toContain(sessionId);
  expect(second.tokens.getSnapshot().sessionId).toBe(sessionId);
});

test('a sign-in that could not be stored is not undone by the older session in the storage', async () => {
  const world = createWorld();
  const old = world.manager();
  await world.run(old.tokens.startSession(world.server.signIn()));
  for (let turn = 0; turn < 3; turn++) await world.run(old.tokens.refresh());
  let isDown = true;
  const { storage } = world.platform;
  const fail = () => {
    if (isDown) throw new Error('locked');
    return storage;
  };
  const failing: TokenStorage = {
    getItem: (key) => fail().getItem(key),
    setItem: (key, value) => fail().setItem(key, value),
    removeItem: (key) => fail().removeItem(key),
  };
  await world.clock.advance(1_000);
  const { tokens } = world.manager({ platform: deaf(world, { storage: failing }) });
  await world.run(tokens.startSession(world.server.signIn()));
  const { sessionId } = tokens.getSnapshot();
  isDown = false;
  world.wakeups.fire();
  await world.clock.advance(60_000);
  expect(tokens.getSnapshot().sessionId).toBe(sessionId);
  expect(world.stored.get(KEY)).toContain(sessionId);
});

test('who lost the lock in mid-refresh writes nothing, whatever the server says', async () => {
  const world = createWorld();
  const lease = new AbortController();
  let isLosing = false;
  const platform = deaf(world, {
    lock: { run: (_key, _signal, task) => task({ signal: isLosing ? lease.signal : new AbortController().signal }) },
  });
  const { tokens } = world.manager({
    platform,
    retry: { attempts: 1 },
    refresh: async () => {
      lease.abort();
      world.stored.set(KEY, `${world.stored.get(KEY)} of somebody else`);
      return new Response(null, { status: 503 });
    },
  });
  await world.run(tokens.startSession(world.server.signIn()));
  isLosing = true;
  await world.failure(tokens.refresh());
  expect(world.stored.get(KEY)).toContain('of somebody else');
});

/** Two managers with no lock that keeps them apart; the second holds the first one's tokens, and is refreshing. */
async function refreshingPair() {
  const world = createWorld();
  const first = world.manager({ platform: deaf(world) });
  await world.run(first.tokens.startSession(world.server.signIn()));
  const door = withDoor(world.platform.storage);
  let hear = (): void => undefined;
  const channel = {
    announce: () => undefined,
    subscribe: (_key: string, listener: () => void) => {
      hear = listener;
      return () => undefined;
    },
  };
  const lock: Platform['lock'] = { run: (_key, signal, task) => task({ signal, exclusive: false }) };
  const second = world.manager({ platform: { ...world.platform, storage: door.storage, channel, lock } });
  await world.run(second.tokens.getAccessToken());
  const reading = door.shut();
  const refreshing = second.tokens.refresh();
  await world.clock.advance(10);
  await world.run(first.tokens.refresh());
  hear();
  await world.clock.advance(10);
  const between = await world.run(second.tokens.getAccessToken());
  expect(between).toBe(await world.run(first.tokens.getAccessToken()));
  return { world, first: first.tokens, second: second.tokens, reading, refreshing, between };
}

test('a rejected token is not given back by a refresh that had begun before it came', async () => {
  const { world, second, reading, refreshing, between } = await refreshingPair();
  world.server.revokeAccessTokens();
  const replaced = second.replaceAccessToken(between);
  await world.clock.advance(10);
  reading.open();
  expect(await world.run(replaced)).not.toBe(between);
  await world.run(refreshing);
});

test('tokens that are newer than what a refresh began with are taken, although others came in between', async () => {
  const { world, first, second, reading, refreshing, between } = await refreshingPair();
  await world.run(first.refresh());
  const newest = await world.run(first.getAccessToken());
  expect(newest).not.toBe(between);
  reading.open();
  await world.run(refreshing);
  expect(await world.run(second.getAccessToken())).toBe(newest);
});

test('an expired token of a peer, found when a refresh was refused, is not served but refreshed', async () => {
  const world = createWorld();
  const asked: (string | undefined)[] = [];
  const { tokens } = world.manager({
    refresh: async (request) => {
      asked.push(request.refreshToken);
      if (asked.length > 1) return { access_token: 'third', expires_in: 600, refresh_token: 'r3' };
      const record = JSON.parse(world.stored.get(KEY) ?? '');
      const expiresAt = world.clock.now() - 1;
      const newer = { ...record, revision: record.revision + 1, accessToken: 'second', refreshToken: 'r2', expiresAt };
      world.stored.set(KEY, JSON.stringify(newer));
      return Response.json({ error: 'invalid_grant' }, { status: 400 });
    },
  });
  await world.run(tokens.startSession({ access_token: 'first', expires_in: 600, refresh_token: 'r1' }));
  await world.clock.advance(HOUR);
  expect(await world.run(tokens.getAccessToken())).toBe('third');
  expect(asked).toEqual(['r1', 'r2']);
});

test('a clock that is set back does not make a circuit breaker wait for hours', async () => {
  const world = createWorld();
  let isDown = true;
  const { tokens } = world.manager({
    refresh: (request) => (isDown ? Promise.reject(new Error('refused')) : world.refresh(request)),
  });
  await world.run(tokens.startSession(world.server.signIn()));
  const rejected = await world.run(tokens.getAccessToken());
  await world.failure(tokens.refresh());
  world.clock.set(world.clock.now() - 2 * HOUR);
  isDown = false;
  expect(await world.run(tokens.replaceAccessToken(rejected))).not.toBe(rejected);
});

test('a storage that cannot be read does not make a page forget how long the server asked it to wait', async () => {
  const world = createWorld();
  let requests = 0;
  let isDown = false;
  const { storage } = world.platform;
  const failing: TokenStorage = {
    getItem: (key) => {
      if (isDown) throw new Error('locked');
      return storage.getItem(key);
    },
    setItem: (key, value) => storage.setItem(key, value),
    removeItem: (key) => storage.removeItem(key),
  };
  const { tokens } = world.manager({
    platform: deaf(world, { storage: failing }),
    refreshTokenIn: 'cookie',
    refresh: async () => {
      requests++;
      return new Response(null, { status: 429, headers: { 'Retry-After': '300' } });
    },
  });
  await world.failure(tokens.getAccessToken());
  isDown = true;
  await world.failure(tokens.getAccessToken());
  isDown = false;
  await world.clock.advance(10_000);
  await world.failure(tokens.getAccessToken());
  expect(requests).toBe(1);
});
