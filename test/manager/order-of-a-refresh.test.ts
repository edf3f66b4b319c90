import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import type { Lock, TokenManager, TokenStorage } from '../../src/index.js';
import { LIFETIME, type SignedIn, signedIn } from '../support/signed-in.js';
import { createWorld, STORAGE_SPEEDS, type World } from '../support/world.js';

/** Knows whether the lock is held, for how long it was, and whether the code that asks is part of what runs under it. */
function watchHolding(world: World) {
  const { lock } = world.platform;
  const inside = new AsyncLocalStorage<true>();
  const watch = { isHeld: false, heldMs: 0, isInside: () => inside.getStore() === true };
  const run: Lock['run'] = (key, signal, task, options) =>
    lock.run(
      key,
      signal,
      async (lease) => {
        const from = world.clock.now();
        watch.isHeld = true;
        try {
          return await inside.run(true, () => task(lease));
        } finally {
          watch.isHeld = false;
          watch.heldMs += world.clock.now() - from;
        }
      },
      options,
    );
  world.platform.lock = { run };
  return watch;
}

/** The life of sessions with everything in it that writes or tells. */
async function live(world: World, tokens: TokenManager): Promise<void> {
  const { server, clock } = world;
  const settle = async (promise: Promise<unknown>) => world.run(promise.catch(() => undefined));
  await settle(tokens.startSession(server.signIn()));
  await settle(tokens.refresh());
  await clock.advance(LIFETIME);
  server.next({ status: 503 });
  server.next({ acts: true, status: 200, body: '<html>' });
  server.set({ reuseWindowMs: 60_000 });
  await settle(tokens.getAccessToken());
  await settle(tokens.endSession());
  await settle(tokens.startSession(server.signIn({ user: 'bob' })));
  await settle(tokens.startSession(server.signIn({ user: 'eve' })));
  server.next({ hang: true });
  const abort = new AbortController();
  void tokens.refresh({ signal: abort.signal }).catch(() => undefined);
  await clock.advance(2_000);
  abort.abort();
  world.wakeups.fire();
  await clock.advance(60_000);
  server.always({ status: 400, body: { error: 'invalid_grant' } });
  await settle(tokens.refresh());
  server.always(undefined);
  await settle(tokens.startSession(server.signIn()));
  await settle(tokens.refresh());
  await clock.advance(60_000);
}

test.each(STORAGE_SPEEDS)(
  'a refresh goes: lock, look again, mark, ask, write, unlock, state, announce, emit, serve: %s storage',
  async (storage) => {
    const { world, tokens, clock, moments } = await signedIn({}, { storage });
    tokens.subscribe(() => world.reach(tokens.getSnapshot().refreshing ? 'state: refreshing' : 'state: refreshed'));
    tokens.on('refreshStarted', () => world.reach('emitted refreshStarted'));
    tokens.on('refreshed', () => world.reach('emitted refreshed'));
    await clock.advance(LIFETIME);
    moments.length = 0;
    await world.run(tokens.getAccessToken().then(() => world.reach('served')));
    await clock.settle();
    const order = moments.filter((name) => name !== 'served');
    // peers are told, and so are we: what comes after it is our own look at the storage
    expect(order.slice(0, order.indexOf('emitted refreshed') + 1)).toEqual([
      'state: refreshing',
      'emitted refreshStarted',
      'lock asked',
      'lock granted',
      'getItem',
      'getItem settled',
      'setItem',
      'setItem settled',
      'refresh called',
      'response arrived',
      'setItem',
      'setItem settled',
      'lock released',
      'state: refreshed',
      'announced',
      'emitted refreshed',
    ]);
    expect(moments.indexOf('served')).toBeGreaterThan(moments.indexOf('lock released'));
  },
);

describe('the mark that a refresh is under way', () => {
  test('is in the record before the request leaves, and gone when the answer is stored', async () => {
    const { world, tokens, stored } = await signedIn();
    const seen: string[] = [];
    world.onMoment = (name) => {
      if (name === 'refresh called') seen.push(stored.get('evertoken:session') ?? '');
    };
    await world.run(tokens.refresh());
    expect(JSON.parse(seen[0] ?? '')).toMatchObject({ unanswered: true });
    expect(JSON.parse(stored.get('evertoken:session') ?? '')).toMatchObject({ unanswered: false });
  });
});

test('a peer that was faster makes the request needless: what it stored is taken', async () => {
  const { world, tokens, server, clock, platform, moments } = await signedIn();
  const other = world.manager();
  await world.run(other.tokens.getAccessToken());
  await clock.advance(LIFETIME);
  let release = () => undefined as unknown;
  const blocking = platform.lock.run(
    'evertoken:session',
    new AbortController().signal,
    () =>
      new Promise((resolve) => {
        release = () => resolve(undefined);
      }),
  );
  const both = [other.tokens.getAccessToken(), tokens.getAccessToken()];
  await clock.advance(1_000);
  moments.length = 0;
  release();
  await world.run(blocking);
  const served = await Promise.all(both.map((promise) => world.run(promise)));
  expect(new Set(served).size).toBe(1);
  expect(server.tokenRequests).toHaveLength(1);
  expect(moments.filter((name) => name === 'refresh called')).toHaveLength(1);
});

describe('under the lock', () => {
  for (const storage of STORAGE_SPEEDS) {
    async function watched(options: Parameters<World['manager']>[0] = {}) {
      const world = createWorld({ storage });
      world.platform.random = () => 0.5;
      const holding = watchHolding(world);
      const offences: string[] = [];
      const inner = world.platform.storage;
      const guarded: TokenStorage = {
        getItem: (key) => inner.getItem(key),
        setItem: (key, value, more) => {
          if (!holding.isHeld) offences.push('setItem without the lock');
          return inner.setItem(key, value, more);
        },
        removeItem: (key, more) => {
          if (!holding.isHeld) offences.push('removeItem without the lock');
          return inner.removeItem(key, more);
        },
      };
      world.platform.storage = guarded;
      const { tokens, events } = world.manager(options);
      return { world, holding, offences, inner, tokens, events };
    }

    test(`and nowhere else is anything written or removed: ${storage} storage`, async () => {
      const { world, tokens, offences, events } = await watched();
      await live(world, tokens);
      expect(offences).toEqual([]);
      expect(world.moments).toContain('removeItem');
      expect(new Set(events.map(({ type }) => type))).toEqual(
        new Set(['sessionStarted', 'refreshStarted', 'refreshed', 'refreshFailed', 'sessionEnded']),
      );
    });

    test(`repairs are written, too: ${storage} storage`, async () => {
      const { world, tokens, offences, inner } = await watched();
      const { setItem } = inner;
      inner.setItem = () => Promise.reject(new Error('full'));
      await live(world, tokens);
      inner.setItem = setItem;
      await world.clock.advance(120_000);
      expect(offences).toEqual([]);
      expect(world.stored.size).toBe(1);
    });

    test(`no listener is called: ${storage} storage`, async () => {
      const { world, tokens, holding, offences, events, inner } = await watched();
      let told = 0;
      const hear = (who: string) => {
        told++;
        if (holding.isInside()) offences.push(`${who} under the lock`);
      };
      for (const type of ['sessionStarted', 'refreshed', 'refreshFailed', 'storageFailed', 'sessionEnded'] as const) {
        tokens.on(type, () => hear(type));
      }
      tokens.subscribe(() => {
        if (!tokens.getSnapshot().refreshing) hear('subscriber');
      });
      const { announce } = world.platform.channel;
      world.platform.channel.announce = (key) => {
        hear('peer');
        announce(key);
      };
      const { setItem } = inner;
      await live(world, tokens);
      inner.setItem = () => Promise.reject(new Error('full'));
      await live(world, tokens);
      inner.setItem = setItem;
      await world.clock.advance(60_000);
      expect(events.map(({ type }) => type)).toContain('storageFailed');
      expect(told).toBeGreaterThan(20);
      expect(offences).toEqual([]);
    });
  }

  test('nobody sleeps: it is held as long as requests and storage take, and not through the delays between', async () => {
    const world = createWorld();
    world.platform.random = () => 0.999_999;
    const holding = watchHolding(world);
    const { tokens } = world.manager({ retry: { attempts: 4, minDelayMs: 1_000, maxDelayMs: 4_000 } });
    await world.run(tokens.startSession(world.server.signIn()));
    await world.clock.advance(LIFETIME);
    const from = world.clock.now();
    world.server.always({ status: 503, delayMs: 100 });
    await world.failure(tokens.getAccessToken());
    expect(holding.heldMs).toBe(400);
    expect(world.clock.now() - from).toBeGreaterThan(9_000);
  });
});

describe('reading never takes the lock', () => {
  const reads: [string, (home: SignedIn) => Promise<unknown>][] = [
    ['loading at the first use', ({ world }) => world.run(world.manager().tokens.getAccessToken())],
    [
      'a wake-up',
      async ({ world, clock }) => {
        world.wakeups.fire();
        await clock.advance(100);
      },
    ],
    [
      'an announcement of a peer',
      async ({ world, clock }) => {
        world.platform.channel.announce('evertoken:session');
        await clock.advance(100);
      },
    ],
    [
      'subscribing',
      async ({ world, clock }) => {
        world.manager().tokens.subscribe(() => undefined);
        await clock.advance(100);
      },
    ],
    ['serving', ({ world, tokens }) => world.run(tokens.getAccessToken())],
    ['replacing a token that was replaced already', ({ world, tokens }) => world.run(tokens.replaceAccessToken('old'))],
  ];
  test.each(reads)('%s', async (_, read) => {
    const home = await signedIn();
    void home.platform.lock.run('evertoken:session', new AbortController().signal, () => new Promise(() => 0));
    await home.clock.settle();
    home.moments.length = 0;
    const from = home.clock.now();
    await read(home);
    expect(home.moments.filter((name) => name.startsWith('lock'))).toEqual([]);
    expect(home.clock.now() - from).toBeLessThanOrEqual(100);
  });
});
