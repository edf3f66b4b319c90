import { describe, expect, test } from 'vitest';
import type { TokenManagerOptions } from '../../src/index.js';
import type { ScriptedAnswer } from '../../src/testing.js';
import { LIFETIME, type SignedIn, signedIn } from '../support/signed-in.js';
import type { World } from '../support/world.js';

const once = { attempts: 1, minDelayMs: 500, maxDelayMs: 60_000 };
const down: ScriptedAnswer = { status: 503, body: '' };

/** The pauses between the requests to the token endpoint so far. */
function pauses({ server }: World): number[] {
  const moments = server.tokenRequests.map(({ at }) => at);
  return moments.slice(1).map((at, index) => at - (moments[index] ?? 0));
}

/** A session whose token has expired. */
async function expired(options?: Partial<TokenManagerOptions>, random?: () => number): Promise<SignedIn> {
  const home = await signedIn(options, random ? { random } : {});
  await home.clock.advance(LIFETIME);
  return home;
}

/** A session whose refresh has failed for now. */
async function waiting(answer: ScriptedAnswer = down, options: Partial<TokenManagerOptions> = {}) {
  const home = await signedIn({ retry: once, ...options });
  home.wakeups.awake = false; // nothing is refreshed ahead of expiry
  await home.clock.advance(LIFETIME);
  home.wakeups.awake = true;
  home.server.always(answer);
  const error = await home.world.failure(home.tokens.getAccessToken());
  const { retryAt = 0 } = error;
  expect(retryAt).toBeGreaterThan(home.clock.now());
  return { ...home, error, retryAt };
}

describe('retries back off exponentially with full jitter', () => {
  const retry = { attempts: 5, minDelayMs: 500, maxDelayMs: 3_000 };

  const jitters: [string, number, number[]][] = [
    ['up to the whole of a delay that doubles, to its maximum', 0.999_999, [1_000, 2_000, 3_000, 3_000]],
    ['half-way', 0.5, [750, 1_250, 1_750, 1_750]],
    ['down to the shortest delay', 0, [500, 500, 500, 500]],
  ];
  test.each(jitters)('%s', async (_, random, delays) => {
    const { tokens, server, world } = await expired({ retry }, () => random);
    server.always(down);
    await world.failure(tokens.getAccessToken());
    expect(pauses(world)).toEqual(delays);
  });

  test('never before Retry-After, in seconds', async () => {
    const { tokens, server, world } = await expired({}, () => 0);
    server.next({ ...down, headers: { 'Retry-After': '3' } });
    server.next({ ...down, headers: { 'Retry-After': '4' } });
    await world.run(tokens.getAccessToken());
    const [first = 0, second = 0] = pauses(world);
    expect(first).toBeGreaterThanOrEqual(3_000);
    expect(second).toBeGreaterThanOrEqual(4_000);
    expect(server.tokenRequests).toHaveLength(3);
  });

  test('never before Retry-After, as an HTTP date', async () => {
    const { tokens, server, world, clock } = await expired({}, () => 0);
    const date = new Date(clock.now() + 4_000);
    server.next({ status: 429, body: '', headers: { 'Retry-After': date.toUTCString() } });
    await world.run(tokens.getAccessToken());
    expect(server.tokenRequests[1]?.at).toBeGreaterThanOrEqual(date.getTime());
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('a Retry-After above one hour counts as one hour', async () => {
    const { clock, retryAt } = await waiting({ ...down, headers: { 'Retry-After': '86400' } });
    expect(retryAt - clock.now()).toBeGreaterThanOrEqual(3_600_000);
    expect(retryAt - clock.now()).toBeLessThanOrEqual(3_600_000 + 60_000);
  });

  test('never while holding the lock: others get it during every delay', async () => {
    const { tokens, server, clock, platform } = await expired({ retry });
    server.always({ ...down, delayMs: 50 });
    let isOver = false;
    const failing = tokens.getAccessToken().catch(() => {
      isOver = true;
    });
    let granted = 0;
    let delays = 0;
    while (!isOver) {
      const isAsking = server.tokenRequests.some(({ status }) => status === undefined);
      const before = granted;
      const abort = new AbortController();
      const asking = platform.lock.run('evertoken:session', abort.signal, async () => {
        granted++;
      });
      await clock.settle();
      if (!isAsking) delays++;
      if (!isAsking && server.tokenRequests.length > 0) expect(granted).toBe(before + 1);
      abort.abort();
      await asking.catch(() => undefined);
      await clock.advance(25);
    }
    await failing;
    expect(server.tokenRequests).toHaveLength(5);
    expect(delays).toBeGreaterThan(100);
  });
});

describe('while the platform reports offline', () => {
  test('there is one attempt and no retry', async () => {
    const { tokens, server, wakeups, world, clock } = await expired();
    wakeups.online = false;
    server.always({ drop: true });
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ code: 'ERR_REFRESH_NETWORK', attempts: 1 });
    expect(error.retryAt).toBeGreaterThan(clock.now());
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('that attempt succeeds where the report was wrong', async () => {
    const { tokens, server, wakeups, world } = await expired();
    wakeups.online = false;
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('after the last attempt the manager waits until retryAt', () => {
  test('callers without a usable token are refused at once, with an error that says when, and there is no request', async () => {
    const { tokens, server, clock, retryAt, error, first } = await waiting();
    const before = server.tokenRequests.length;
    while (clock.now() + 50 < retryAt) {
      for (const call of [tokens.getAccessToken(), tokens.replaceAccessToken(first.access_token)]) {
        const refused = await Promise.race([call.catch((reason) => reason), clock.settle()]);
        expect(refused).toBe(error);
      }
      await clock.advance(50);
    }
    expect(server.tokenRequests).toHaveLength(before);
  });

  test('callers with a usable token are served', async () => {
    const { tokens, server, clock, world, first } = await signedIn({ retry: once });
    server.always(down);
    await clock.advance(LIFETIME - 60_000);
    for (let second = 0; second < 59; second++) {
      expect(await world.run(tokens.getAccessToken())).toBe(first.access_token);
      await clock.advance(1_000);
    }
    expect(tokens.getSnapshot().error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  });

  test('a caller that wants a long-lived one gets the usable one there is', async () => {
    const { tokens, server, clock, world, first } = await signedIn({ retry: once });
    server.always(down);
    await clock.advance(LIFETIME - 60_000);
    for (let call = 0; call < 3; call++) {
      expect(await world.run(tokens.getAccessToken({ minValidityMs: 300_000 }))).toBe(first.access_token);
    }
  });

  test('then one probe, not a crowd; when it fails, everybody waits longer than before', async () => {
    const { tokens, server, clock, world, retryAt } = await waiting();
    let next = retryAt;
    let pause = 0;
    for (let probe = 2; probe <= 5; probe++) {
      await clock.advanceTo(next);
      const crowd = Array.from({ length: 50 }, () => world.failure(tokens.getAccessToken()));
      const errors = await Promise.all(crowd);
      expect(server.tokenRequests).toHaveLength(probe);
      expect(new Set(errors).size).toBe(1);
      next = errors[0]?.retryAt ?? 0;
      expect(next - clock.now()).toBeGreaterThan(pause);
      pause = next - clock.now();
    }
    server.always(undefined);
    await clock.advanceTo(next);
    const served = await Promise.all(Array.from({ length: 50 }, () => world.run(tokens.getAccessToken())));
    expect(new Set(served).size).toBe(1);
    expect(server.tokenRequests).toHaveLength(6);
  });

  test('a probe is one request, however many attempts a refresh has', async () => {
    const { tokens, server, clock, world } = await expired({
      retry: { attempts: 3, minDelayMs: 100, maxDelayMs: 200 },
    });
    server.always(down);
    const { retryAt = 0 } = await world.failure(tokens.getAccessToken());
    expect(server.tokenRequests).toHaveLength(3);
    await clock.advanceTo(retryAt);
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(server.tokenRequests).toHaveLength(4);
  });

  test('a caller whose next attempt is more than 5 s away does not wait for it', async () => {
    const { tokens, server, clock } = await expired();
    server.next({ ...down, headers: { 'Retry-After': '6' } });
    const from = clock.now();
    const error = await Promise.race([tokens.getAccessToken().catch((reason) => reason), clock.settle()]);
    expect(error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(error.retryAt).toBeGreaterThanOrEqual(from + 6_000);
    expect(clock.now()).toBe(from);
  });

  test('peers on the same storage see the same retryAt, and make no request before it', async () => {
    const { tokens, server, clock, world, retryAt } = await waiting();
    const peer = world.manager({ retry: once });
    const refused = await world.failure(peer.tokens.getAccessToken());
    expect(refused).toMatchObject({ name: 'RefreshError', retryAt });
    expect(peer.tokens.getSnapshot()).toMatchObject({ status: 'active', retryAt, error: refused });
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', retryAt });
    expect(server.tokenRequests).toHaveLength(1);
    await clock.advanceTo(retryAt);
    server.always(undefined);
    await Promise.all([world.run(tokens.getAccessToken()), world.run(peer.tokens.getAccessToken())]);
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('a peer that was there already hears of it', async () => {
    const home = await signedIn({ retry: once });
    const peer = home.world.manager({ retry: once });
    await home.world.run(peer.tokens.getAccessToken());
    await home.clock.advance(LIFETIME);
    home.server.always(down);
    const { retryAt } = await home.world.failure(home.tokens.getAccessToken());
    await home.clock.advance(100);
    expect(await home.world.failure(peer.tokens.getAccessToken())).toMatchObject({ retryAt });
    expect(home.server.tokenRequests).toHaveLength(1);
  });

  test('a reload respects it', async () => {
    const { tokens, server, world, retryAt, clock } = await waiting();
    tokens.dispose();
    const { tokens: reloaded } = world.manager({ retry: once });
    expect(await world.failure(reloaded.getAccessToken())).toMatchObject({ retryAt });
    expect(server.tokenRequests).toHaveLength(1);
    server.always(undefined);
    await clock.advanceTo(retryAt);
    await world.run(reloaded.getAccessToken());
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('an explicit refresh probes before it, one at a time', async () => {
    const { tokens, server, world } = await waiting();
    server.always({ ...down, delayMs: 100 });
    await Promise.all([1, 2, 3].map(() => world.failure(tokens.refresh())));
    expect(server.tokenRequests).toHaveLength(2);
    server.always(undefined);
    await world.run(tokens.refresh());
    expect(server.tokenRequests).toHaveLength(3);
    expect(tokens.getSnapshot()).toMatchObject({ retryAt: undefined, error: undefined });
  });

  test('an explicit refresh does not, where the server named that moment', async () => {
    const { tokens, server, world, error } = await waiting({ ...down, headers: { 'Retry-After': '60' } });
    server.always(undefined);
    expect(await world.failure(tokens.refresh())).toMatchObject({ code: error.code, retryAt: error.retryAt });
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('coming back online, back to the foreground, or waking up', () => {
  const patient = { attempts: 1, minDelayMs: 30_000, maxDelayMs: 60_000 };

  test('probes early, once in 5 s', async () => {
    const { server, wakeups, clock, tokens, world } = await waiting(down, { retry: patient, proactive: true });
    for (let wakeup = 0; wakeup < 40; wakeup++) {
      wakeups.fire();
      await clock.advance(100);
    }
    expect(server.tokenRequests).toHaveLength(2);
    server.always(undefined);
    await clock.advance(1_000);
    wakeups.fire();
    await clock.advance(100);
    expect(server.tokenRequests).toHaveLength(3);
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
    expect(server.tokenRequests).toHaveLength(3);
  });

  test('without proactive refresh, lets the next caller probe early, once', async () => {
    const { server, wakeups, clock, tokens, world } = await waiting(down, { retry: patient });
    wakeups.fire();
    await clock.advance(100);
    expect(server.tokenRequests).toHaveLength(1);
    await Promise.all([1, 2, 3].map(() => world.failure(tokens.getAccessToken())));
    expect(server.tokenRequests).toHaveLength(2);
    await world.failure(tokens.getAccessToken());
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('waits all the same where the server named the moment', async () => {
    const named = { ...down, headers: { 'Retry-After': '120' } };
    const { server, wakeups, clock } = await waiting(named, { retry: patient, proactive: true });
    for (let wakeup = 0; wakeup < 11; wakeup++) {
      wakeups.fire();
      await clock.advance(10_000);
    }
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('looks at the clock: a token that expired meanwhile is refreshed before anybody asks', async () => {
    const { server, wakeups, clock } = await signedIn({ proactive: true });
    clock.set(clock.now() + 7_200_000);
    expect(server.tokenRequests).toHaveLength(0);
    wakeups.fire();
    await clock.advance(100);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('leaves a fresh token alone', async () => {
    const { server, wakeups, clock } = await signedIn({ proactive: true });
    for (let wakeup = 0; wakeup < 20; wakeup++) {
      wakeups.fire();
      await clock.advance(1_000);
    }
    expect(server.tokenRequests).toHaveLength(0);
  });

  test('makes a hidden page refresh what it let pass', async () => {
    const { server, wakeups, clock } = await signedIn({ proactive: true });
    wakeups.awake = false;
    await clock.advance(2 * LIFETIME);
    expect(server.tokenRequests).toHaveLength(0);
    wakeups.awake = true;
    wakeups.fire();
    await clock.advance(100);
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('ten minutes offline with an expired token make a bounded number of attempts, and no zero-delay loop', () => {
  const randoms: [string, () => number][] = [
    ['the longest', () => 0.999_999],
    ['middling', () => 0.5],
    ['changing', changing()],
  ];
  for (const [jitter, random] of randoms) {
    for (const proactive of [true, false]) {
      for (const reports of [true, false]) {
        test(`${jitter} delays, ${proactive ? 'with' : 'without'} proactive refresh, the platform ${reports ? 'says so' : 'does not say so'}`, async () => {
          const { tokens, server, clock, wakeups, world } = await signedIn({ proactive }, { random });
          await clock.advance(LIFETIME - 200_000);
          server.always({ drop: true });
          wakeups.online = !reports;
          await clock.advance(200_000);
          const before = server.tokenRequests.length;
          for (let second = 0; second < 600; second += 5) {
            for (let caller = 0; caller < 3; caller++) void tokens.getAccessToken().catch(() => undefined);
            await clock.advance(5_000);
          }
          const attempts = server.tokenRequests.slice(before);
          expect(attempts.length).toBeGreaterThan(0);
          expect(attempts.length).toBeLessThanOrEqual(60);
          for (const { at } of attempts) {
            const together = attempts.filter((other) => Math.abs(other.at - at) < 1_000);
            expect(together.length).toBeLessThanOrEqual(3);
          }
          expect(tokens.getSnapshot().status).toBe('active');
          server.always(undefined);
          wakeups.online = true;
          wakeups.fire();
          await clock.advance(6_000);
          expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
        });
      }
    }
  }
});

test('even if chance always chooses the shortest delay, attempts are minDelayMs apart', async () => {
  const { tokens, server, clock, wakeups, world } = await signedIn({ proactive: true }, { random: () => 0 });
  wakeups.awake = false;
  await clock.advance(LIFETIME);
  wakeups.awake = true;
  server.always({ drop: true });
  for (let turn = 0; turn < 20; turn++) {
    void tokens.getAccessToken().catch(() => undefined);
    await clock.advance(500);
  }
  const waits = pauses(world);
  expect(waits.length).toBeGreaterThan(5);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
});

/** Numbers in [0, 1) that look like chance and are the same every time. */
function changing(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

describe('an endpoint that hangs holds nobody longer than timeoutMs', () => {
  test.each([1_000, 10_000])('%i ms', async (timeoutMs) => {
    const { tokens, server, clock, world, platform } = await expired({ timeoutMs, retry: once });
    server.always({ hang: true });
    const from = clock.now();
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ code: 'ERR_REFRESH_TIMEOUT' });
    expect(clock.now() - from).toBe(timeoutMs);
    let isFree = false;
    await platform.lock.run('evertoken:session', new AbortController().signal, async () => {
      isFree = true;
    });
    expect(isFree).toBe(true);
  });

  test('a body that never ends counts, too', async () => {
    const { tokens, clock, world } = await expired({
      retry: once,
      refresh: async () => new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array([123])) })),
    });
    const from = clock.now();
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_TIMEOUT' });
    expect(clock.now() - from).toBe(10_000);
  });
});

describe('a refresh function that ignores its signal and answers a minute late', () => {
  /** Answers the first request after 60 s with good tokens, and others as the server does. */
  async function late(options: Partial<TokenManagerOptions> = {}) {
    const home = await signedIn({
      ...options,
      refresh: async (request) => {
        const response = await home.world.refresh({ ...request, signal: new AbortController().signal });
        if (request.attempt === 1 && home.server.tokenRequests.length === 1) {
          await new Promise<void>((resolve) => home.clock.after(60_000, resolve));
        }
        return response;
      },
    });
    await home.clock.advance(LIFETIME);
    return home;
  }

  test('holds nobody longer than timeoutMs, and its answer is kept', async () => {
    const { tokens, server, clock, world, seen, stored } = await late({ retry: once });
    const from = clock.now();
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_TIMEOUT' });
    expect(clock.now() - from).toBe(10_000);
    await clock.advance(60_000);
    const token = await world.run(tokens.getAccessToken());
    expect(server.inspect(token)?.active).toBe(true);
    expect(server.tokenRequests).toHaveLength(1);
    expect([...stored.values()].join()).toContain(token);
    expect(seen('refreshed')).toMatchObject([{ by: 'us', rotated: true }]);
    expect(tokens.getSnapshot()).toMatchObject({ error: undefined, retryAt: undefined });
  });

  test('its answer is dropped if something newer is there', async () => {
    const { tokens, server, clock, world, stored } = await late({ retry: once });
    await world.failure(tokens.getAccessToken());
    await world.run(tokens.startSession(server.signIn({ user: 'bob' })));
    await clock.advance(60_000);
    await world.run(tokens.refresh());
    const token = await world.run(tokens.getAccessToken());
    expect(server.inspect(token)?.user).toBe('bob');
    expect([...stored.values()].join()).toContain(token);
  });

  test('its answer is dropped if the retry was faster, within a reuse window', async () => {
    const home = await late();
    const { tokens, server, clock, world } = home;
    server.set({ reuseWindowMs: 20_000 });
    const token = await world.run(tokens.getAccessToken());
    await world.run(tokens.refresh());
    const newer = await world.run(tokens.getAccessToken());
    expect(newer).not.toBe(token);
    await clock.advance(60_000);
    expect(await world.run(tokens.getAccessToken())).toBe(newer);
    await world.run(tokens.refresh());
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
    expect(server.counts.reusesDetected).toBe(0);
    expect(new Set(server.tokenRequests.map(({ refreshToken }) => refreshToken)).size).toBe(3);
  });

  test('its answer starts nothing after a sign-out', async () => {
    const { tokens, clock, world, stored } = await late({ retry: once });
    await world.failure(tokens.getAccessToken());
    await world.run(tokens.endSession());
    await clock.advance(60_000);
    expect(tokens.getSnapshot().status).toBe('none');
    expect([...stored]).toEqual([]);
  });
});

describe('no rejection goes unhandled, whoever is or is not waiting', () => {
  const thrown = () => {
    throw new Error('thrown');
  };
  const rejected = () => Promise.reject(new Error('rejected'));
  const faults: [string, (home: SignedIn) => void][] = [
    ['the server is down', ({ server }) => server.always(down)],
    ['the network is down', ({ server }) => server.always({ drop: true })],
    ['the endpoint hangs', ({ server }) => server.always({ hang: true })],
    ['the grant is dead', ({ server }) => server.always({ status: 400, body: { error: 'invalid_grant' } })],
    ['storage rejects', ({ platform }) => Object.assign(platform.storage, { getItem: rejected, setItem: rejected })],
    ['storage throws', ({ platform }) => Object.assign(platform.storage, { getItem: thrown, setItem: thrown })],
    ['removing rejects', ({ platform }) => Object.assign(platform.storage, { removeItem: rejected })],
    ['the lock rejects', ({ platform }) => Object.assign(platform.lock, { run: rejected })],
    ['the lock throws', ({ platform }) => Object.assign(platform.lock, { run: thrown })],
    ['announcing throws', ({ platform }) => Object.assign(platform.channel, { announce: thrown })],
  ];
  const waits: [string, (home: SignedIn) => Promise<void>][] = [
    ['nobody', async ({ clock }) => clock.advance(2 * LIFETIME)],
    [
      'a caller that goes away',
      async ({ tokens, clock }) => {
        await clock.advance(LIFETIME);
        const abort = new AbortController();
        void tokens.getAccessToken({ signal: abort.signal }).catch(() => undefined);
        void tokens.refresh({ signal: abort.signal }).catch(() => undefined);
        await clock.advance(1);
        abort.abort();
        await clock.advance(LIFETIME);
      },
    ],
    [
      'a caller of a stale token',
      async ({ tokens, clock }) => {
        await clock.advance(LIFETIME - 60_000);
        await Promise.resolve(tokens.getAccessToken()).catch(() => undefined);
        await clock.advance(LIFETIME);
      },
    ],
    [
      'a manager that is disposed in between',
      async ({ tokens, clock }) => {
        await clock.advance(LIFETIME);
        void tokens.getAccessToken().catch(() => undefined);
        await clock.advance(1);
        tokens.dispose();
        await clock.advance(LIFETIME);
      },
    ],
    [
      'a user who signs out',
      async ({ tokens, clock }) => {
        await clock.advance(LIFETIME);
        void tokens.getAccessToken().catch(() => undefined);
        void tokens.endSession().catch(() => undefined);
        await clock.advance(LIFETIME);
      },
    ],
  ];
  for (const [fault, break_] of faults) {
    test.each(waits)(`${fault}, and waiting is %s`, async (_, wait) => {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown) => void unhandled.push(reason);
      process.on('unhandledRejection', listener);
      const home = await signedIn({ proactive: true });
      home.tokens.subscribe(() => undefined);
      break_(home);
      await wait(home);
      home.tokens.dispose();
      await home.clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', listener);
      expect(unhandled).toEqual([]);
    });
  }
});
