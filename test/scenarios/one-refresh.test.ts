import { describe, expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';
import { createWorld, STORAGE_SPEEDS, type World } from '../support/world.js';

const LIFETIME = 600_000;

async function expired(world: World = createWorld()) {
  const { tokens, events } = world.manager();
  const first = world.server.signIn();
  await world.run(tokens.startSession(first));
  await world.clock.advance(LIFETIME);
  return { world, tokens, events, server: world.server, clock: world.clock, first: first.access_token };
}

describe('any number of concurrent callers, one request to the token endpoint', () => {
  for (const speed of STORAGE_SPEEDS) {
    test(`and all get its token: ${speed} storage`, async () => {
      const { tokens, server, clock, world, events } = await expired(createWorld({ storage: speed }));
      server.set({ delayMs: 1_000 });
      world.moments.length = 0;
      const callers: Promise<unknown>[] = [];
      for (let call = 0; call < 1_000; call++) {
        const options = call % 3 ? undefined : { minValidityMs: call };
        callers.push(tokens.getAccessToken(options));
        // one that is called once the request is under way asks anew
        if (call === 0) callers.push(tokens.refresh().then(() => tokens.getAccessToken()));
        if (call % 10 === 0) await Promise.resolve();
        if (call % 100 === 0) await clock.advance(10);
      }
      expect(new Set(await world.run(Promise.all(callers))).size).toBe(1);
      expect(server.tokenRequests).toHaveLength(1);
      // not because a thousand queued up for the lock and looked at the storage
      expect(world.moments.filter((name) => name === 'lock asked')).toHaveLength(1);
      expect(events.filter(({ type }) => type === 'refreshStarted')).toHaveLength(1);
    });

    test(`also those of many managers on one platform: ${speed} storage`, async () => {
      const world = createWorld({ storage: speed });
      const managers = Array.from({ length: 10 }, () => world.manager());
      for (const { tokens } of managers.slice(0, 1)) await world.run(tokens.startSession(world.server.signIn()));
      for (const { tokens } of managers.slice(0, 5)) await world.run(tokens.getAccessToken());
      world.server.set({ delayMs: 1_000 });
      await world.clock.advance(LIFETIME);
      const callers = managers.flatMap(({ tokens }) => [tokens.getAccessToken(), tokens.getAccessToken()]);
      expect(new Set(await world.run(Promise.all(callers))).size).toBe(1);
      expect(world.server.tokenRequests).toHaveLength(1);
      for (const { events } of managers) expect(events.some(({ type }) => type === 'sessionEnded')).toBe(false);
    });
  }

  test('and all get its error', async () => {
    const { tokens, server, world } = await expired();
    server.always({ status: 400, body: { error: 'invalid_grant' } });
    const errors = await world.run(
      Promise.all(Array.from({ length: 100 }, () => tokens.getAccessToken().catch((error) => error))),
    );
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('a 401 for a token that has meanwhile been replaced is answered with the present one, without a refresh', () => {
  test('by replaceAccessToken', async () => {
    const { tokens, server, world, first } = await expired();
    const second = await world.run(tokens.getAccessToken());
    for (let call = 0; call < 10; call++) expect(await world.run(tokens.replaceAccessToken(first))).toBe(second);
    expect(await world.run(tokens.replaceAccessToken('access.somebody-elses-token'))).toBe(second);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('by a request that is replayed', async () => {
    const world = createWorld();
    const { server, clock } = world;
    const { tokens } = world.manager();
    await world.run(tokens.startSession(server.signIn()));
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    server.next({ status: 401, body: {}, delayMs: 5_000 }, { endpoint: 'api' });
    const slow = api(`${server.apiUrl}/slow`);
    await clock.advance(1_000);
    await world.run(tokens.refresh());
    expect((await world.run(slow)).status).toBe(200);
    expect(server.tokenRequests).toHaveLength(1);
    expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
  });

  test('a burst of 401s costs one refresh', async () => {
    const world = createWorld();
    const { server } = world;
    const { tokens } = world.manager();
    await world.run(tokens.startSession(server.signIn()));
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    server.revokeAccessTokens();
    let delayMs = 0;
    server.always(({ accessToken = '' }) => (server.inspect(accessToken) ? undefined : { delayMs: 137 * delayMs++ }), {
      endpoint: 'api',
    });
    const requests = Array.from({ length: 30 }, (_, one) => api(`${server.apiUrl}/${one}`));
    const responses = await world.run(Promise.all(requests));
    expect(responses.every(({ ok }) => ok)).toBe(true);
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('deduplication outlives the promise', () => {
  const failures = [
    ['503', { status: 503 }],
    ['a network error', { drop: true }],
    ['a page instead of JSON', { status: 200, body: '<html>' }],
    ['a wrong client', { status: 401, body: { error: 'invalid_client' } }],
  ] as const;
  for (const [name, answer] of failures) {
    test(`after ${name}, further calls inside the cool-down make no request and get the same error`, async () => {
      const { tokens, server, clock, world } = await expired();
      server.always(answer);
      const error = await world.failure(tokens.getAccessToken());
      const made = server.tokenRequests.length;
      expect(made).toBeLessThanOrEqual(3);
      const { retryAt = 0 } = error;
      expect(retryAt).toBeGreaterThan(clock.now());
      for (const at of [clock.now(), (clock.now() + retryAt) / 2, retryAt - 1]) {
        await clock.advanceTo(at);
        for (let call = 0; call < 20; call++) expect(await world.failure(tokens.getAccessToken())).toBe(error);
      }
      expect(tokens.getSnapshot()).toMatchObject({ retryAt, error });
      expect(server.tokenRequests).toHaveLength(made);
      server.always(undefined);
      await clock.advanceTo(retryAt);
      expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
      expect(server.tokenRequests).toHaveLength(made + 1);
    });
  }
});

describe('many managers with the same expiry spread their refreshes out, always to the early side', () => {
  for (const [name, leewayMs] of [
    ['by default', undefined],
    ['with a leeway of their own', 60_000],
  ] as const) {
    test(name, async () => {
      const world = createWorld();
      const startAt = world.clock.now();
      const moments: number[] = [];
      const refresh = async () => {
        moments.push(world.clock.now() - startAt);
        return { access_token: 'access.0123456789abcdefghijk', expires_in: 86_400 };
      };
      const response = {
        access_token: 'access.abcdefghijk0123456789',
        refresh_token: 'r',
        expires_in: LIFETIME / 1_000,
      };
      const managers = Array.from({ length: 1_000 }, (_, one) =>
        world.manager({ refresh, leewayMs, proactive: true, key: `user-${one}` }),
      );
      await world.run(Promise.all(managers.map(({ tokens }) => tokens.startSession(response))));
      await world.clock.advance(LIFETIME);
      const leeway = leewayMs ?? LIFETIME / 5;
      expect(moments).toHaveLength(1_000);
      expect(Math.max(...moments)).toBeLessThanOrEqual(LIFETIME - leeway);
      expect(Math.min(...moments)).toBeGreaterThanOrEqual(LIFETIME - leeway * 1.5);
      const tenths = new Map<number, number>();
      for (const at of moments) {
        const tenth = Math.min(9, Math.floor(((LIFETIME - leeway - at) / (leeway / 2)) * 10));
        tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
      }
      expect(tenths.size).toBe(10);
      for (const count of tenths.values()) expect(count).toBeLessThan(200);
      for (const { tokens } of managers) tokens.dispose();
    });
  }
});

describe('create, dispose, create in one tick makes one request and leaves nothing behind', () => {
  for (const speed of STORAGE_SPEEDS) {
    test(`${speed} storage`, async () => {
      const world = createWorld({ storage: speed });
      const channel = world.platform.channel;
      let subscriptions = 0;
      world.platform.channel = {
        announce: channel.announce,
        subscribe: (key, listener) => {
          subscriptions++;
          const end = channel.subscribe(key, listener);
          return () => {
            subscriptions--;
            end();
          };
        },
      };
      const { tokens: earlier } = world.manager();
      await world.run(earlier.startSession(world.server.signIn()));
      earlier.dispose();
      await world.clock.advance(LIFETIME);

      const { tokens: first } = world.manager({ proactive: true });
      const unsubscribe = first.subscribe(() => undefined);
      const lost = first.getAccessToken().catch((error) => error);
      unsubscribe();
      first.dispose();
      const { tokens: second } = world.manager({ proactive: true });
      second.subscribe(() => undefined);
      const token = await world.run(second.getAccessToken());

      expect(await lost).toMatchObject({ code: 'ERR_DISPOSED' });
      expect(world.server.inspect(token)?.active).toBe(true);
      await world.clock.advance(10_000);
      expect(world.server.tokenRequests).toHaveLength(1);
      expect(subscriptions).toBe(1);
      second.dispose();
      await world.clock.advance(0);
      expect(subscriptions).toBe(0);
      expect(world.wakeups.listeners).toBe(0);
      expect(world.clock.pending).toBe(0);
    });
  }
});

describe('a dead session is latched: hundreds of calls and requests make no further request, and one sessionEnded', () => {
  test('all settle with the same error', async () => {
    const { tokens, server, clock, world, events } = await expired();
    server.revokeFamily();
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    const calls = () => [
      ...Array.from({ length: 100 }, () => tokens.getAccessToken()),
      ...Array.from({ length: 100 }, () => tokens.replaceAccessToken('access.whatever-it-was')),
      ...Array.from({ length: 100 }, () => tokens.refresh()),
      ...Array.from({ length: 100 }, () => api(`${server.apiUrl}/things`)),
    ];
    const together = await world.run(Promise.allSettled(calls()));
    await clock.advance(60_000);
    const later = await world.run(Promise.allSettled(calls()));
    for (const outcome of [...together, ...later]) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_SESSION_REJECTED', name: 'SessionError' },
      });
    }
    world.wakeups.fire();
    await clock.advance(86_400_000);
    expect(server.tokenRequests).toHaveLength(1);
    expect(server.apiRequests).toHaveLength(0);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toMatchObject([{ reason: 'rejected' }]);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'none', error: { code: 'ERR_SESSION_REJECTED' } });
  });

  test('until another one starts', async () => {
    const { tokens, server, world } = await expired();
    server.revokeFamily();
    await world.failure(tokens.getAccessToken());
    const again = server.signIn();
    await world.run(tokens.startSession(again));
    expect(await world.run(tokens.getAccessToken())).toBe(again.access_token);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: undefined });
  });
});

test('nothing is ever rejected unheard: a failure that nobody waits for ends in an event alone', async () => {
  const world = createWorld();
  const heard: unknown[] = [];
  const listen = (reason: unknown) => void heard.push(reason);
  process.on('unhandledRejection', listen);
  const { tokens, events } = world.manager({ proactive: true });
  await world.run(tokens.startSession(world.server.signIn()));
  const fault = () => Promise.reject(new Error('broken'));
  world.server.always({ drop: true });
  world.platform.storage = { getItem: fault, setItem: fault, removeItem: fault };
  const abort = new AbortController();
  await world.clock.advance(LIFETIME);
  tokens.getAccessToken({ signal: abort.signal }).catch(() => undefined);
  abort.abort();
  await world.clock.advance(3_600_000);
  tokens.getAccessToken().catch(() => undefined);
  tokens.endSession().catch(() => undefined);
  tokens.dispose();
  await world.clock.advance(3_600_000);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', listen);
  expect(heard).toEqual([]);
  expect(events.some(({ type }) => type === 'refreshFailed')).toBe(true);
});
