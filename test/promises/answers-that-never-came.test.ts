import { expect, test } from 'vitest';
import { createTokenManager, type RefreshRequest, tokenEndpoint } from '../../src/index.js';
import { createWorld, json, MINUTE, outcome, record } from '../support/promise-world.js';
import type { Refresh } from '../support/token-answers.js';

const unknown: Array<[string, Refresh, boolean]> = [
  ['network error', () => Promise.reject(new TypeError('fetch failed')), true],
  ['timeout', () => new Promise(() => undefined), true],
  ['502', () => json({}, 502), true],
  ['504', () => json({}, 504), true],
  ['an unreadable 2xx', () => new Response('<html>'), true],
  ['an empty 2xx', () => new Response(''), true],
  ['503', () => json({}, 503), false],
  ['429', () => json({}, 429), false],
  ['500', () => json({}, 500), false],
  ['401 of no meaning', () => json({}, 401), false],
];
test.each(unknown)(
  'after %s the same refresh token comes with the same attemptId; if refused then, the reason tells',
  async (_, fail, isLost) => {
    const seen: RefreshRequest[] = [];
    const { clock, server, tokens, events } = createWorld({
      refresh: ((request: RefreshRequest) => {
        seen.push(request);
        return seen.length <= 2 ? fail(request, async () => undefined) : json({ error: 'invalid_grant' }, 400);
      }) as never,
    });
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    await outcome(clock, tokens.getAccessToken());
    await clock.advance(2 * MINUTE);
    await outcome(
      clock,
      tokens.getAccessToken().catch(() => undefined),
    );
    expect(seen.length).toBe(3);
    expect(new Set(seen.map(({ attemptId }) => attemptId)).size).toBe(1);
    expect(new Set(seen.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    const ends = events.filter(({ type }) => type === 'sessionEnded');
    expect(ends.map(({ event }) => event.reason)).toEqual([isLost ? 'lost' : 'rejected']);
    expect(tokens.getSnapshot().error?.code).toBe(isLost ? 'ERR_SESSION_LOST' : 'ERR_SESSION_REJECTED');
    tokens.dispose();
  },
);

test('the attemptId changes with the refresh token', async () => {
  const seen: RefreshRequest[] = [];
  const world = createWorld();
  const endpoint = tokenEndpoint({ url: world.server.tokenUrl, clientId: 'app', fetch: world.server.fetch });
  const tokens = createTokenManager({
    platform: world.platform,
    proactive: false,
    refresh: (request) => {
      seen.push(request);
      return endpoint(request);
    },
  });
  await tokens.startSession(world.server.signIn());
  for (let index = 0; index < 3; index++) {
    await world.clock.advance(11 * MINUTE);
    await outcome(world.clock, tokens.getAccessToken());
  }
  expect(new Set(seen.map(({ attemptId }) => attemptId)).size).toBe(3);
  tokens.dispose();
});

test.each([5_000, 9_999, 10_001, 15_000, 35_000, 70_000])(
  'an answer after %s ms, the signal ignored: nobody waits longer than the bounds, and it is kept',
  async (delayMs) => {
    let requests = 0;
    const { clock, server, tokens } = createWorld({
      retry: { attempts: 1 },
      refresh: (async () => {
        requests++;
        if (requests > 1) return json({}, 503);
        await new Promise<void>((resolve) => clock.after(delayMs, resolve));
        return { access_token: 'late', token_type: 'Bearer', expires_in: 600, refresh_token: 'late-r' };
      }) as never,
    });
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    const got = await outcome(clock, tokens.getAccessToken());
    expect(got.afterMs).toBeLessThanOrEqual(10_000);
    if (delayMs > 10_000) expect(got).toMatchObject({ ok: false, error: { code: 'ERR_REFRESH_TIMEOUT' } });
    await clock.advance(delayMs);
    expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: 'late' });
    expect(tokens.getSnapshot()).toMatchObject({ error: undefined, retryAt: undefined });
    tokens.dispose();
  },
);

test('before a refusal ends a session, a newer token of a peer is taken', async () => {
  const world = createWorld();
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const free = {
    run: <T>(_key: string, _signal: AbortSignal, task: (lease: { signal: AbortSignal }) => Promise<T>) =>
      task({ signal: new AbortController().signal }),
  };
  const platform = {
    ...world.platform,
    storage,
    lock: free,
    channel: { announce: () => undefined, subscribe: () => () => undefined },
  };
  const endpoint = tokenEndpoint({ url: world.server.tokenUrl, clientId: 'app', fetch: world.server.fetch });
  const make = () => createTokenManager({ platform, refresh: endpoint, proactive: false });
  const one = make();
  const two = make();
  const events = record(two);
  await one.startSession(world.server.signIn());
  await two.getAccessToken();
  await world.clock.advance(11 * MINUTE);
  world.server.next((_request) => ({ answerDelayMs: 500, acts: true }));
  const first = one.getAccessToken();
  await world.clock.advance(100);
  world.server.next({ delayMs: 1_000, status: 400, body: { error: 'invalid_grant' } });
  const second = two.getAccessToken();
  const both = await outcome(world.clock, Promise.all([first, second]));
  expect(both.ok).toBe(true);
  expect(both.value?.[0]).toBe(both.value?.[1]);
  expect(events.map(({ type }) => type)).not.toContain('sessionEnded');
  for (const manager of [one, two]) manager.dispose();
});
