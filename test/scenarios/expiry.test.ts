import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { createFetch, type Platform, type TokenResponse } from '../../src/index.js';
import { createWorld } from '../support/world.js';

const DAY = 86_400_000;

function jwt(claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part(claims)}.${Buffer.from('a signature that nobody checks').toString('base64url')}`;
}

function answer(expires_in: unknown, access_token = 'access.0123456789abcdefghijk'): TokenResponse {
  const given = expires_in === undefined ? {} : { expires_in: expires_in as number };
  return { access_token, refresh_token: 'refresh.0123456789abcdefghijk', token_type: 'Bearer', ...given };
}

describe('expiry comes from expires_in, else from the lifetime in the JWT, else from exp, else it is unknown', () => {
  const now = Date.UTC(2026, 0, 1);
  const seconds = now / 1_000;
  const ahead = seconds + 7_200; // what a clock two hours ahead says
  const cases: [string, unknown, string | undefined, number | undefined][] = [
    ['a number', 60, undefined, 60_000],
    ['a numeric string', '60', undefined, 60_000],
    ['a fraction', 0.5, undefined, 500],
    ['a missing one beside an opaque token', undefined, undefined, undefined],
    ['zero', 0, undefined, undefined],
    ['a negative one', -60, undefined, undefined],
    ['a negative string', '-60', undefined, undefined],
    ['NaN', Number.NaN, undefined, undefined],
    ['infinity', Number.POSITIVE_INFINITY, undefined, undefined],
    ['1e20', 1e20, undefined, undefined],
    ['a moment instead of a lifetime', seconds + 60, undefined, 60_000],
    ['a moment instead of a lifetime, in milliseconds', now + 60_000, undefined, 60_000],
    ['a moment that is past', seconds - 60, undefined, undefined],
    ['a moment more than ten years away', seconds + 315_360_001, undefined, undefined],
    ['a word', 'abc', undefined, undefined],
    ['an empty string', '', undefined, undefined],
    ['null', null, undefined, undefined],
    ['true', true, undefined, undefined],
    ['an array', [60], undefined, undefined],
    ['an object', { seconds: 60 }, undefined, undefined],
    ['expires_in before the JWT', 60, jwt({ iat: seconds, exp: seconds + 600 }), 60_000],
    ['a JWT with iat and exp', undefined, jwt({ iat: seconds, exp: seconds + 600 }), 600_000],
    ['a JWT with iat and exp by a clock ahead', undefined, jwt({ iat: ahead, exp: ahead + 600 }), 600_000],
    [
      'a JWT with iat and exp by a clock behind',
      undefined,
      jwt({ iat: seconds - 7_200, exp: seconds - 6_600 }),
      600_000,
    ],
    ['a JWT with iat and exp beside a zero', 0, jwt({ iat: seconds, exp: seconds + 600 }), 600_000],
    ['a JWT with iat and exp beside NaN', Number.NaN, jwt({ iat: seconds, exp: seconds + 600 }), 600_000],
    ['a JWT with iat and exp in milliseconds', undefined, jwt({ iat: now, exp: now + 600_000 }), 600_000],
    ['a JWT with exp alone', undefined, jwt({ exp: seconds + 600 }), 600_000],
    ['a JWT with exp alone in milliseconds', undefined, jwt({ exp: now + 600_000 }), 600_000],
    ['a JWT with exp alone, past on arrival', undefined, jwt({ exp: seconds - 1 }), undefined],
    ['a JWT with exp alone, now', undefined, jwt({ exp: seconds }), undefined],
    ['a JWT with an absurd exp', undefined, jwt({ exp: 1e20 }), undefined],
    ['a JWT with a negative exp', undefined, jwt({ exp: -5 }), undefined],
    ['a JWT with exp as a string', undefined, jwt({ exp: 'soon' }), undefined],
    ['a JWT without any', undefined, jwt({ sub: 'ada' }), undefined],
    ['a JWT that is an array', undefined, jwt([1, 2]), undefined],
    ['a JWT that is null', undefined, jwt(null), undefined],
    ['a JWT in pieces', undefined, 'eyJhbGciOiJIUzI1NiJ9.eyJleHA.x', undefined],
  ];
  for (const [name, expiresIn, token, lifetimeMs] of cases) {
    test(name, async () => {
      const world = createWorld();
      let calls = 0;
      const response = answer(expiresIn, token);
      const refresh = async () => {
        calls++;
        await new Promise<void>((resolve) => world.clock.after(5_000, resolve));
        return response;
      };
      const { tokens } = world.manager({ refresh, proactive: true });
      await world.run(tokens.startSession(response));
      const expected = lifetimeMs === undefined ? undefined : now + lifetimeMs;
      expect(tokens.getSnapshot()).toMatchObject({ status: 'active', issuedAt: now });
      expect(tokens.getSnapshot().expiresAt).toBe(expected);
      expect(await tokens.getAccessToken()).toBe(response.access_token);
      if (lifetimeMs !== undefined) return tokens.dispose();
      // used until a server refuses it, and nothing goes round in circles
      await world.clock.advance(7 * DAY);
      expect(await tokens.getAccessToken()).toBe(response.access_token);
      expect(calls).toBe(0);
      const asked = tokens.refresh();
      await world.run(asked);
      await world.clock.advance(DAY);
      expect(await tokens.getAccessToken()).toBe(response.access_token);
      expect(calls).toBe(1);
      tokens.dispose();
    });
  }

  test('a lifetime is counted from just before the request was sent, not from when its answer came', async () => {
    const world = createWorld();
    const { tokens } = world.manager();
    world.server.set({ delayMs: 4_000, answerDelayMs: 3_000 });
    await world.run(tokens.startSession(world.server.signIn()));
    const sentAt = world.clock.now() + 1_000;
    await world.clock.advance(1_000);
    await world.run(tokens.refresh());
    expect(world.clock.now()).toBe(sentAt + 7_000);
    expect(tokens.getSnapshot()).toMatchObject({ issuedAt: sentAt, expiresAt: sentAt + 600_000 });
  });

  test('whatever a server says of the lifetime, nothing throws, nothing overflows and nothing loops', async () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constantFrom(seconds, now, 1e20, -1));
    const lifetimes = fc.oneof(number, number.map(String), fc.anything());
    const claims = fc.record(
      { iat: fc.oneof(number, fc.jsonValue()), exp: fc.oneof(number, fc.jsonValue()) },
      { requiredKeys: [] },
    );
    const accessTokens = fc.oneof(fc.constant(undefined), claims.map(jwt));
    await fc.assert(
      fc.asyncProperty(lifetimes, accessTokens, async (expiresIn, token) => {
        const world = createWorld();
        const response = answer(expiresIn, token);
        let calls = 0;
        const refresh = async () => {
          calls++;
          return response;
        };
        const { tokens } = world.manager({ refresh, proactive: true });
        await world.run(tokens.startSession(response));
        expect(await tokens.getAccessToken()).toBe(response.access_token);
        const { issuedAt = 0, expiresAt } = tokens.getSnapshot();
        if (expiresAt !== undefined) {
          expect(expiresAt).toBeGreaterThanOrEqual(issuedAt);
          expect(expiresAt).toBeLessThanOrEqual(issuedAt + 3_660 * DAY);
        }
        await world.clock.advance(1_000);
        await world.clock.settle();
        const lifetimeMs = Math.max((expiresAt ?? Number.POSITIVE_INFINITY) - issuedAt, 1);
        expect(calls).toBeLessThanOrEqual(lifetimeMs > 2_000 ? 0 : 1 + Math.min(100, 2_000 / lifetimeMs));
        tokens.dispose();
      }),
      { numRuns: 150 },
    );
  });
});

describe('a client clock that is wrong costs at most one extra refresh', () => {
  const jumps = [-7_200_000, 7_200_000, -DAY, DAY, -90_000, 90_000];

  /** Ten lifetimes with a request every 20 s, on a clock that is set by this much after so many of them. */
  async function live(setAfter: number, jumpMs: number, tokenFormat: 'opaque' | 'jwt', omit: ['expires_in'] | []) {
    const world = createWorld({ server: { accessTokenLifetimeMs: 300_000, tokenFormat, omit } });
    let offset = 0;
    const platform: Platform = {
      ...world.platform,
      clock: { now: () => world.clock.now() + offset, after: world.clock.after },
      random: () => 0.5,
    };
    const { tokens, events } = world.manager({ platform });
    const api = createFetch(tokens, { origins: [world.server.origin], fetch: world.server.fetch });
    const set = () => {
      offset = jumpMs;
    };
    if (setAfter < 0) set();
    const { expires_in, ...first } = world.server.signIn();
    await world.run(tokens.startSession(omit.length > 0 ? first : { ...first, expires_in }));
    for (let request = 0; request < 150; request++) {
      if (request === setAfter) set();
      const response = await world.run(api(`${world.server.apiUrl}/things`));
      expect(response.status).toBe(200);
      await world.clock.advance(20_000);
    }
    expect(events.some(({ type }) => type === 'sessionEnded')).toBe(false);
    return world.server.tokenRequests.length;
  }

  test('and one that is set back does not stretch the life of a token', async () => {
    for (const backMs of [300_000, 7_200_000, DAY]) {
      const world = createWorld();
      let offset = 0;
      const clock = { now: () => world.clock.now() - offset, after: world.clock.after };
      const { tokens } = world.manager({ platform: { ...world.platform, clock } });
      await world.run(tokens.startSession(world.server.signIn()));
      await world.clock.advance(100_000);
      offset = backMs;
      for (let second = 0; second < 3_600; second += 60) {
        const token = await world.run(tokens.getAccessToken());
        expect(world.server.inspect(token)?.active).toBe(true);
        await world.clock.advance(60_000);
      }
      expect(world.server.tokenRequests.length).toBeLessThanOrEqual(10);
    }
  });

  for (const [kind, tokenFormat, omit] of [
    ['expires_in', 'opaque', []],
    ['a JWT alone', 'jwt', ['expires_in']],
  ] as const) {
    test(`when it was wrong from the start, with ${kind}`, async () => {
      const usual = await live(-1, 0, tokenFormat, [...omit] as []);
      for (const jump of jumps)
        expect(await live(-1, jump, tokenFormat, [...omit] as [])).toBeLessThanOrEqual(usual + 1);
    });
    test(`when it is set in mid-session, with ${kind}`, async () => {
      const usual = await live(-1, 0, tokenFormat, [...omit] as []);
      for (const jump of jumps) {
        for (const setAfter of [1, 8, 14]) {
          expect(await live(setAfter, jump, tokenFormat, [...omit] as [])).toBeLessThanOrEqual(usual + 1);
        }
      }
    });
  }
});

describe('a token that was just issued is usable at least once, however short it lives', () => {
  for (const expiresIn of [0.001, 0.5, 1, 2, 4]) {
    test(`${expiresIn} s, although its answer took 5 s`, async () => {
      const world = createWorld({ server: { accessTokenLifetimeMs: 600_000 } });
      const { tokens } = world.manager();
      await world.run(tokens.startSession(world.server.signIn()));
      world.server.set({ accessTokenLifetimeMs: expiresIn * 1_000, answerDelayMs: 5_000 });
      await world.clock.advance(600_000);
      const callers = [tokens.getAccessToken(), tokens.getAccessToken(), tokens.getAccessToken()];
      const served = await world.run(Promise.all(callers));
      expect(new Set(served).size).toBe(1);
      expect(world.server.inspect(served[0] ?? '')?.kind).toBe('access');
      expect(world.server.tokenRequests).toHaveLength(1);
    });
  }

  test('with a proactive refresh and tokens of half a second, requests stay bounded', async () => {
    const world = createWorld({ server: { accessTokenLifetimeMs: 500 } });
    const { tokens } = world.manager({ proactive: true });
    await world.run(tokens.startSession(world.server.signIn()));
    await world.clock.advance(60_000);
    expect(world.server.tokenRequests.length).toBeLessThanOrEqual(60_000 / 250 + 1);
    tokens.dispose();
  });

  for (const [lifetimeMs, leewayMs] of [
    [10_000, 2_000],
    [100_000, 20_000],
    [1_500_000, 300_000],
    [3_600_000, 300_000],
    [30 * DAY, 300_000],
  ] as const) {
    test(`the due moment scales with a lifetime of ${lifetimeMs / 1_000} s`, async () => {
      for (const chance of [0, 0.5, 0.999_999]) {
        const world = createWorld({ server: { accessTokenLifetimeMs: lifetimeMs } });
        const { tokens } = world.manager({ proactive: true, platform: { ...world.platform, random: () => chance } });
        const startAt = world.clock.now();
        await world.run(tokens.startSession(world.server.signIn()));
        await world.clock.advance(lifetimeMs);
        const [{ at = 0 } = {}] = world.server.tokenRequests;
        expect(startAt + lifetimeMs - at).toBeGreaterThanOrEqual(leewayMs - 1);
        expect(startAt + lifetimeMs - at).toBeLessThanOrEqual(leewayMs * 1.5 + 1);
        tokens.dispose();
      }
    });
  }
});

describe('a token that lives long schedules nothing that overflows', () => {
  for (const [name, days] of [
    ['a month', 31],
    ['a year', 366],
  ] as const) {
    test(`${name}: no timer beyond 2^31-1 ms, and still exactly one refresh, in time`, async () => {
      const world = createWorld({ server: { accessTokenLifetimeMs: days * DAY, refreshTokenLifetimeMs: 5_000 * DAY } });
      const after = vi.spyOn(world.clock, 'after');
      const startAt = world.clock.now();
      const { tokens } = world.manager({ proactive: true });
      await world.run(tokens.startSession(world.server.signIn()));
      await world.clock.advance(days * DAY - 450_001);
      expect(world.server.tokenRequests).toHaveLength(0);
      await world.clock.advance(150_001);
      expect(world.server.tokenRequests).toHaveLength(1);
      expect(tokens.getSnapshot().issuedAt).toBeGreaterThan(startAt + days * DAY - 450_001);
      for (const [delayMs] of after.mock.calls) expect(delayMs).toBeLessThanOrEqual(2_147_483_647);
      expect(after.mock.calls.length).toBeLessThan(100 * days);
      tokens.dispose();
    });
  }
});

describe('minValidityMs asks for a token that outlives a long upload', () => {
  test('and gets it, for one refresh', async () => {
    const world = createWorld();
    const { tokens } = world.manager();
    const first = world.server.signIn();
    await world.run(tokens.startSession(first));
    await world.clock.advance(300_000);
    expect(await tokens.getAccessToken({ minValidityMs: 299_999 })).toBe(first.access_token);
    expect(world.server.tokenRequests).toHaveLength(0);
    const token = await world.run(tokens.getAccessToken({ minValidityMs: 400_000 }));
    expect(token).not.toBe(first.access_token);
    expect(world.server.inspect(token)?.expiresAt).toBeGreaterThanOrEqual(world.clock.now() + 400_000);
    expect(world.server.tokenRequests).toHaveLength(1);
  });

  for (const minValidityMs of [700_000, 86_400_000, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
    test(`one that cannot exist gives the longest there is, without a loop: ${minValidityMs}`, async () => {
      const world = createWorld();
      const { tokens } = world.manager();
      const first = world.server.signIn();
      await world.run(tokens.startSession(first));
      await world.clock.advance(300_000);
      const many = Array.from({ length: 20 }, () => tokens.getAccessToken({ minValidityMs }));
      const served = await world.run(Promise.all(many));
      expect(new Set(served).size).toBe(1);
      expect(world.server.inspect(served[0] ?? '')?.expiresAt).toBe(world.clock.now() + 600_000);
      for (let call = 0; call < 20; call++)
        expect(await world.run(tokens.getAccessToken({ minValidityMs }))).toBe(served[0]);
      expect(world.server.tokenRequests).toHaveLength(1);
    });
  }

  test('while refreshing fails it gives the usable token there is', async () => {
    const world = createWorld();
    const { tokens } = world.manager();
    const first = world.server.signIn();
    await world.run(tokens.startSession(first));
    world.server.always({ status: 503 });
    await world.clock.advance(300_000);
    for (let call = 0; call < 10; call++) {
      expect(await world.run(tokens.getAccessToken({ minValidityMs: 400_000 }))).toBe(first.access_token);
    }
    expect(world.server.tokenRequests.length).toBeLessThanOrEqual(3);
  });

  test('a number that is none is refused with a typed error that does not end anything', async () => {
    const world = createWorld();
    const { tokens } = world.manager();
    const first = world.server.signIn();
    await world.run(tokens.startSession(first));
    for (const minValidityMs of [-5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(await world.failure(tokens.getAccessToken({ minValidityMs }))).toMatchObject({ code: 'ERR_OPTIONS' });
    }
    expect(await tokens.getAccessToken({ minValidityMs: 0 })).toBe(first.access_token);
    expect(world.server.tokenRequests).toHaveLength(0);
  });
});
