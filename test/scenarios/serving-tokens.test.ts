import { describe, expect, test, vi } from 'vitest';
import { isTokenError, type Platform, type TokenManager } from '../../src/index.js';
import { createWorld, type World } from '../support/world.js';

const LIFETIME = 600_000;
const STALE = 500_000; // due at the latest 120 s before expiry

async function signedIn(world: World = createWorld()) {
  const { tokens, events } = world.manager();
  const first = world.server.signIn();
  await world.run(tokens.startSession(first));
  return { ...world, world, tokens, events, first: first.access_token };
}

/** What a promise has become after so many promise jobs, without any time or turn of the event loop. */
async function soon<T>(promise: Promise<T>): Promise<T | 'still waiting'> {
  let outcome: T | 'still waiting' = 'still waiting';
  void promise.then((value) => {
    outcome = value;
  });
  for (let job = 0; job < 4; job++) await Promise.resolve();
  return outcome;
}

test('a fresh token is served without waiting: no request, no lock, no timer, no storage read', async () => {
  const { tokens, first, world, clock, server } = await signedIn();
  const after = vi.spyOn(clock, 'after');
  world.moments.length = 0;
  for (let call = 0; call < 100; call++) expect(await soon(tokens.getAccessToken())).toBe(first);
  await clock.settle();
  expect(world.moments).toEqual([]);
  expect(after).not.toHaveBeenCalled();
  expect(server.tokenRequests).toEqual([]);
});

test('a stale token is served at once too, and the refresh goes on behind', async () => {
  const { tokens, first, server, clock } = await signedIn();
  server.set({ delayMs: 5_000 });
  await clock.advance(STALE);
  expect(await soon(tokens.getAccessToken())).toBe(first);
  await clock.advance(0);
  expect(server.tokenRequests).toHaveLength(1);
  expect(await soon(tokens.getAccessToken())).toBe(first);
  await clock.advance(5_000);
  expect(await soon(tokens.getAccessToken())).not.toBe(first);
  expect(server.tokenRequests).toHaveLength(1);
});

test('a refresh that fails behind is invisible to the caller of a stale token', async () => {
  const { tokens, first, server, clock, events } = await signedIn();
  server.always({ status: 503 });
  await clock.advance(STALE);
  for (let seconds = STALE / 1_000; seconds < LIFETIME / 1_000; seconds++) {
    expect(await soon(tokens.getAccessToken())).toBe(first);
    await clock.advance(1_000);
  }
  expect(events.some(({ type }) => type === 'refreshFailed')).toBe(true);
});

test('an expired token is never served, to the millisecond: the caller waits for one refresh instead', async () => {
  for (const early of [1, 0]) {
    const { tokens, first, server, clock } = await signedIn();
    await clock.advance(LIFETIME - early);
    const waiting = tokens.getAccessToken();
    if (early) {
      expect(await soon(waiting)).toBe(first);
    } else {
      const token = await clock.runUntil(waiting);
      expect(token).not.toBe(first);
      expect(server.inspect(token)?.active).toBe(true);
      expect(server.tokenRequests).toHaveLength(1);
    }
  }
});

test('an expired token is never served: where no refresh succeeds, the caller gets a typed error', async () => {
  const { tokens, server, clock, world } = await signedIn();
  server.always({ status: 503 });
  await clock.advance(LIFETIME);
  const error = await world.failure(tokens.getAccessToken());
  expect(isTokenError(error)).toBe(true);
  expect(error).toMatchObject({ name: 'RefreshError', code: 'ERR_REFRESH_UNAVAILABLE', status: 503 });
  expect(error.retryAt).toBeGreaterThan(clock.now());
});

describe('expiry is checked on read: the first call is right although no timer fired', () => {
  const gaps: [string, (world: World) => void][] = [
    ['after a sleep with late timers', ({ clock }) => clock.sleep(7_200_000)],
    ['after a sleep with timers that stood still', ({ clock }) => clock.set(clock.now() + 7_200_000)],
    ['a millisecond after expiry', ({ clock }) => clock.set(clock.now() + LIFETIME)],
  ];
  for (const [gap, pass] of gaps) {
    for (const proactive of [true, false]) {
      test(`${gap}, ${proactive ? 'with' : 'without'} proactive refresh`, async () => {
        const world = createWorld();
        const { tokens } = world.manager({ proactive });
        const first = world.server.signIn();
        await world.run(tokens.startSession(first));
        pass(world);
        const waiting = tokens.getAccessToken();
        expect(await soon(waiting)).toBe('still waiting');
        const token = await world.run(waiting);
        expect(token).not.toBe(first.access_token);
        expect(world.server.inspect(token)?.active).toBe(true);
        await world.clock.advance(0);
        expect(world.server.tokenRequests).toHaveLength(1);
        tokens.dispose();
      });
    }
  }
});

describe('a token is served as long as it is usable', () => {
  const never = () => new Promise<never>(() => undefined);
  const refused = async () => {
    throw new Error('the disk is on fire');
  };
  const broken = (port: keyof Platform, members: object) => (world: World) => {
    Object.assign(world.platform, { [port]: { ...(world.platform[port] as object), ...members } });
  };
  const thrown = () => {
    throw new Error('thrown');
  };
  const faults: [string, (world: World) => void][] = [
    ['while the server is down', ({ server }) => server.always({ status: 503 })],
    ['while the server refuses everything with 429', ({ server }) => server.always({ status: 429 })],
    ['while the network is down', ({ server }) => server.always({ drop: true })],
    ['while the server hangs', ({ server }) => server.always({ hang: true })],
    ['while a captive portal answers', ({ server }) => server.always({ status: 200, body: '<html>pay' })],
    [
      'while the client is misconfigured',
      ({ server }) => server.always({ status: 401, body: { error: 'invalid_client' } }),
    ],
    ['while the lock is never granted', broken('lock', { run: never })],
    ['while the lock is refused', broken('lock', { run: refused })],
    ['while asking for the lock throws', broken('lock', { run: thrown })],
    ['while storage cannot be read', broken('storage', { getItem: refused })],
    ['while reading storage throws', broken('storage', { getItem: thrown })],
    ['while reading storage never ends', broken('storage', { getItem: never })],
    ['while storage cannot be written', broken('storage', { setItem: refused })],
    ['while writing storage throws', broken('storage', { setItem: thrown })],
    ['while writing storage never ends', broken('storage', { setItem: never })],
    ['while announcing throws', broken('channel', { announce: thrown })],
    [
      'while wake-ups come all the time',
      ({ wakeups, clock }) =>
        void clock.after(STALE, function again() {
          wakeups.fire();
          clock.after(700, again);
        }),
    ],
    [
      'while the platform says offline',
      ({ wakeups, server }) => {
        wakeups.online = false;
        server.always({ drop: true });
      },
    ],
  ];
  for (const [fault, break_] of faults) {
    test(fault, async () => {
      const world = createWorld();
      // the manager reads the ports when it needs them, so each is replaced beforehand and passes on until it breaks
      const whole = { ...world.platform };
      for (const port of ['storage', 'lock', 'channel'] as const) {
        const now = () => world.platform[port] as unknown as Record<string, (...args: unknown[]) => unknown>;
        const names = Object.keys(whole[port]);
        const passing = names.map((name) => [name, (...args: unknown[]) => now()[name]?.(...args)]);
        Object.assign(whole, { [port]: Object.fromEntries(passing) });
      }
      const { tokens } = world.manager({ platform: whole });
      const first = world.server.signIn();
      await world.run(tokens.startSession(first));
      break_(world);
      await world.clock.advance(LIFETIME - 150_000);
      for (let left = 150_000; left > 0; left -= 3_000) {
        const token = await soon(tokens.getAccessToken());
        expect(world.server.inspect(token)?.kind).toBe('access');
        await world.clock.advance(left > 3_000 ? 3_000 : 2_999);
      }
      tokens.dispose();
    });
  }
});

describe("a caller's AbortSignal detaches that caller", () => {
  const calls = {
    getAccessToken: (tokens: TokenManager, signal: AbortSignal) => tokens.getAccessToken({ signal }),
    replaceAccessToken: (tokens: TokenManager, signal: AbortSignal, first: string) =>
      tokens.replaceAccessToken(first, { signal }),
    refresh: (tokens: TokenManager, signal: AbortSignal) => tokens.refresh({ signal }),
  };
  for (const [name, call] of Object.entries(calls)) {
    test(`with its own reason, while others and the refresh itself go on: ${name}`, async () => {
      const { tokens, server, clock, events, first } = await signedIn();
      server.set({ delayMs: 2_000 });
      await clock.advance(LIFETIME);
      const abort = new AbortController();
      const outcomes: unknown[] = [];
      call(tokens, abort.signal, first).catch((reason) => outcomes.push(reason));
      const others = [tokens.getAccessToken(), tokens.getAccessToken()];
      await clock.advance(1_000);
      const reason = { mine: name };
      abort.abort(reason);
      for (let job = 0; job < 6; job++) await Promise.resolve();
      expect(outcomes).toEqual([reason]);
      await clock.advance(1_000);
      const [one, two] = await Promise.all(others);
      expect(one).toBe(two);
      expect(one).not.toBe(first);
      expect(server.tokenRequests).toHaveLength(1);
      expect(events.map(({ type }) => type)).toEqual(['sessionStarted', 'refreshStarted', 'refreshed']);
    });

    test(`at once, when it is aborted already, and no refresh begins for it: ${name}`, async () => {
      const { tokens, server, clock, first } = await signedIn();
      await clock.advance(LIFETIME);
      for (const reason of [new Error('mine'), 'text', 0, null]) {
        await expect(call(tokens, AbortSignal.abort(reason), first)).rejects.toBe(reason);
      }
      await clock.advance(60_000);
      expect(server.tokenRequests).toEqual([]);
    });
  }

  test('also the only one: the refresh goes on, and its tokens are kept', async () => {
    const { tokens, server, clock } = await signedIn();
    server.set({ delayMs: 2_000 });
    await clock.advance(LIFETIME);
    const abort = new AbortController();
    const waiting = tokens.getAccessToken({ signal: abort.signal });
    await clock.advance(1_000);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await clock.advance(1_000);
    expect(server.inspect((await soon(tokens.getAccessToken())) ?? '')?.active).toBe(true);
    expect(server.tokenRequests).toHaveLength(1);
  });
});
