import { describe, expect, test } from 'vitest';
import { createFetch, type TokenManager } from '../../src/index.js';
import type { Scripted, ScriptedAnswer } from '../../src/testing.js';
import { LIFETIME, type SignedIn, signedIn, signIn } from '../support/signed-in.js';
import { createWorld, type World } from '../support/world.js';

const dead = { status: 400, body: { error: 'invalid_grant' } };
const once = { attempts: 1, minDelayMs: 500, maxDelayMs: 60_000 };

function expectKept({ tokens, seen, stored }: SignedIn): void {
  expect(tokens.getSnapshot().status).toBe('active');
  expect(seen('sessionEnded')).toEqual([]);
  expect([...stored.keys()]).toEqual(['evertoken:session']);
}

describe('only proof that the grant is dead ends a session: it outlives', () => {
  const html = '<!doctype html><title>Sign in to the Wi-Fi</title>';
  const kept: [string, ScriptedAnswer][] = [
    ['a network error', { drop: true }],
    ['a timeout', { hang: true }],
    ...[400, 401, 403, 404, 408, 409, 418, 425, 429, 500, 501, 502, 503, 504, 520, 599].map(
      (status): [string, ScriptedAnswer] => [`a bare ${status}`, { status, body: '' }],
    ),
    ['HTML from a captive portal with 200', { status: 200, headers: { 'Content-Type': 'text/html' }, body: html }],
    ['HTML from a proxy with 403', { status: 403, headers: { 'Content-Type': 'text/html' }, body: html }],
    ['an empty body with 200', { status: 200, body: '' }],
    ['unknown JSON with 200', { status: 200, body: { ok: true } }],
    ['a JSON string with 200', { status: 200, body: '"welcome"' }],
    ['unknown JSON with 400', { status: 400, body: { message: 'no' } }],
    ['an unknown OAuth code', { status: 400, body: { error: 'try_something_else' } }],
    ['invalid_request', { status: 400, body: { error: 'invalid_request' } }],
    ['unauthorized_client', { status: 400, body: { error: 'unauthorized_client' } }],
    ['invalid_client', { status: 401, body: { error: 'invalid_client' } }],
    ['invalid_grant in a 503, which is evidence for trying again', { status: 503, body: { error: 'invalid_grant' } }],
    ['invalid_grant in a 429, which is evidence for trying again', { status: 429, body: { error: 'invalid_grant' } }],
    ['prose that says that the token has expired', { status: 400, body: 'invalid_grant: token expired' }],
  ];
  test.each(kept)('%s', async (_, answer) => {
    const home = await signedIn();
    const { tokens, server, clock, world } = home;
    await clock.advance(LIFETIME);
    server.always(answer);
    const error = await world.failure(tokens.getAccessToken());
    expect(error.name).toBe('RefreshError');
    expectKept(home);
    expect(tokens.getSnapshot().error).toBe(error);
    server.always(undefined);
    await clock.advanceTo(Math.max(clock.now(), error.retryAt ?? 0));
    const token = await world.run(tokens.getAccessToken());
    expect(server.inspect(token)?.active).toBe(true);
    expect(tokens.getSnapshot()).toMatchObject({ error: undefined, retryAt: undefined, refreshing: false });
    expectKept(home);
  });
});

describe('proof that the grant is dead ends the session at once, for good, and says so', () => {
  const proofs: [string, ScriptedAnswer][] = [
    ['invalid_grant with 400', dead],
    ['invalid_grant with 401', { status: 401, body: { error: 'invalid_grant' } }],
    ['invalid_grant with 403', { status: 403, body: { error: 'invalid_grant' } }],
    ['the code of a known dialect with 200', { status: 200, body: { error: 'bad_refresh_token' } }],
  ];
  test.each(proofs)('%s', async (_, answer) => {
    const { tokens, server, clock, world, seen, stored } = await signedIn();
    await clock.advance(LIFETIME);
    server.always(answer);
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_REJECTED' });
    expect(seen('sessionEnded')).toMatchObject([{ reason: 'rejected', error }]);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'none', refreshing: false, retryAt: undefined, error });
    expect([...stored]).toEqual([]);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('also although the access token is still usable', async () => {
    const { tokens, server, world, clock } = await signedIn();
    server.always(dead);
    expect(await world.failure(tokens.refresh())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    await clock.advance(0);
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  });

  test('endsSession says what else is proof, from the status and the body, which goes nowhere else', async () => {
    const asked: unknown[] = [];
    const { tokens, server, clock, world, seen } = await signedIn({
      endsSession: (failure) => {
        asked.push(failure);
        return failure.status === 401;
      },
    });
    await clock.advance(LIFETIME);
    server.next({ status: 400, body: { detail: 'not-for-logs' } });
    server.next({ status: 401, body: { detail: 'not-for-logs' } });
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(asked).toMatchObject([
      { status: 400, body: { detail: 'not-for-logs' } },
      { status: 401, body: { detail: 'not-for-logs' } },
    ]);
    expect(seen('sessionEnded')).toHaveLength(1);
    expect(JSON.stringify([error, seen('refreshFailed'), tokens.getSnapshot()])).not.toContain('not-for-logs');
  });

  test('endsSession that throws, or says anything but true, has no proof', async () => {
    const thrown = () => {
      throw new Error('endsSession');
    };
    for (const endsSession of [thrown, () => 'yes' as never, async () => true] as never[]) {
      const home = await signedIn({ endsSession, retry: once });
      home.server.next(dead);
      expect(await home.world.failure(home.tokens.refresh())).toMatchObject({ name: 'RefreshError' });
      expectKept(home);
    }
  });

  test('endsSession can also say that invalid_grant is no proof here', async () => {
    const home = await signedIn({ endsSession: () => false, retry: once });
    const { tokens, server, clock, world } = home;
    await clock.advance(LIFETIME);
    server.next(dead);
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ name: 'RefreshError' });
    expectKept(home);
  });
});

describe('a misconfigured client is reported as such, is not hammered, and signs nobody out', () => {
  test.each([
    [401, 'invalid_client'],
    [400, 'unauthorized_client'],
    [400, 'invalid_scope'],
    [400, 'unsupported_grant_type'],
  ])('%i %s', async (status, code) => {
    const home = await signedIn();
    const { tokens, server, clock, world } = home;
    await clock.advance(LIFETIME);
    server.always({ status, body: { error: code } });
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ name: 'RefreshError', code: 'ERR_REFRESH_CONFIG', status, oauthError: code });
    expect(server.tokenRequests).toHaveLength(1);
    expect(error.retryAt).toBeGreaterThan(clock.now());
    for (let second = 0; second < 600; second++) {
      await world.failure(tokens.getAccessToken());
      await clock.advance(1_000);
    }
    expect(server.tokenRequests.length).toBeLessThanOrEqual(20);
    expectKept(home);
  });
});

describe('a dead session is latched: however many call afterwards, all settle, and there is no further request', () => {
  test('calls of every kind, before and after', async () => {
    const { tokens, server, clock, world, seen, first } = await signedIn();
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    server.set({ delayMs: 1_000 });
    server.next(dead);
    await clock.advance(LIFETIME);
    const kinds: ((tokens: TokenManager) => Promise<unknown>)[] = [
      () => tokens.getAccessToken(),
      () => tokens.getAccessToken({ minValidityMs: 60_000 }),
      () => tokens.replaceAccessToken(first.access_token),
      () => tokens.refresh(),
      () => api(server.apiUrl),
    ];
    const calls = () => Array.from({ length: 60 }, () => kinds.map((call) => world.failure(call(tokens)))).flat();
    const errors = [...(await Promise.all(calls())), ...(await Promise.all(calls()))];
    await clock.advance(3_600_000);
    errors.push(...(await Promise.all(calls())));
    expect(errors).toHaveLength(900);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['ERR_SESSION_REJECTED']));
    expect(seen('sessionEnded')).toHaveLength(1);
    expect(server.tokenRequests).toHaveLength(1);
    expect(server.apiRequests).toHaveLength(0);
  });

  test('until a session starts', async () => {
    const { tokens, server, world, clock } = await signedIn();
    server.next(dead);
    await world.failure(tokens.refresh());
    await world.run(tokens.startSession(server.signIn()));
    await clock.advance(LIFETIME);
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: undefined });
  });
});

describe('a refresh whose outcome is unknown presents the same refresh token again with the same attemptId', () => {
  const unknown: [string, ScriptedAnswer][] = [
    ['a lost answer', { acts: true, drop: true }],
    ['a timeout', { acts: true, hang: true }],
    ['a 502', { acts: true, status: 502, body: '' }],
    ['a 504', { acts: true, status: 504, body: '' }],
    ['an unreadable 200', { acts: true, status: 200, body: '<html>' }],
    ['half an answer', { acts: true, status: 200, body: '{"access_token":"abc' }],
  ];
  const answers: [string, ScriptedAnswer][] = [
    ['a 503', { status: 503, body: '' }],
    ['a 429', { status: 429, body: '' }],
    ['a 400 with an unknown code', { status: 400, body: { error: 'odd' } }],
  ];

  async function presenting(fault: Scripted<'token'> | undefined, reuseWindowMs: number) {
    const ids: string[] = [];
    const world = createWorld({ server: { reuseWindowMs } });
    world.platform.random = () => 0.5;
    const home = await signIn(world, {
      refresh: (request) => {
        ids.push(request.attemptId);
        return world.refresh(request);
      },
    });
    await world.clock.advance(LIFETIME);
    if (fault) world.server.next(fault);
    return { ...home, ids };
  }

  test.each(unknown)('after %s, and a server with a reuse window keeps the session', async (_, fault) => {
    const home = await presenting(fault, 60_000);
    const token = await home.world.run(home.tokens.getAccessToken());
    expect(home.server.inspect(token)?.active).toBe(true);
    expectKept(home);
    const presented = home.server.tokenRequests.map(({ refreshToken }) => refreshToken);
    expect(presented).toEqual([home.first.refresh_token, home.first.refresh_token]);
    expect(home.ids[0]).toMatch(/\S/);
    expect(home.ids[1]).toBe(home.ids[0]);
    await home.world.run(home.tokens.refresh());
    expect(home.ids[2]).not.toBe(home.ids[0]);
  });

  test.each(unknown)('after %s, and if it is refused then, the reason is lost', async (_, fault) => {
    const home = await presenting(fault, 0);
    const error = await home.world.failure(home.tokens.getAccessToken());
    expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_LOST' });
    expect(home.seen('sessionEnded')).toMatchObject([{ reason: 'lost', error }]);
    expect(await home.world.failure(home.tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_LOST' });
    expect(home.server.tokenRequests).toHaveLength(2);
  });

  test.each(answers)('but after %s, which is an answer, a refusal is a rejection', async (_, fault) => {
    const home = await presenting(fault, 0);
    home.server.next(dead);
    expect(await home.world.failure(home.tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(home.seen('sessionEnded')).toMatchObject([{ reason: 'rejected' }]);
    expect(home.ids[1]).toBe(home.ids[0]);
  });

  test('a bounded number of times, however long it lasts', async () => {
    const home = await presenting(undefined, 0);
    home.server.always({ drop: true });
    for (let minute = 0; minute < 120; minute++) {
      await home.world.failure(home.tokens.getAccessToken());
      await home.clock.advance(60_000);
    }
    expect(new Set(home.ids).size).toBe(1);
    expect(home.ids.length).toBeLessThanOrEqual(130);
    expectKept(home);
  });

  test('also when the page was reloaded in between: the mark is in the record', async () => {
    const { world, tokens, server, clock, first } = await signedIn({ retry: once });
    server.next({ acts: true, drop: true });
    await clock.advance(LIFETIME);
    const error = await world.failure(tokens.getAccessToken());
    tokens.dispose();
    const reloaded = world.manager();
    await clock.advanceTo(error.retryAt ?? 0);
    expect(await world.failure(reloaded.tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_LOST' });
    expect(reloaded.events.at(-1)).toMatchObject({ type: 'sessionEnded', reason: 'lost' });
    expect(server.tokenRequests.map(({ refreshToken }) => refreshToken)).toEqual([
      first.refresh_token,
      first.refresh_token,
    ]);
  });

  test('also when the page was closed before any answer came', async () => {
    const { world, tokens, server, clock } = await signedIn();
    server.next({ acts: true, hang: true });
    await clock.advance(LIFETIME);
    void tokens.getAccessToken().catch(() => undefined);
    await clock.advance(1_000);
    const copy = new Map(world.stored);
    tokens.dispose();
    await clock.advance(60_000);
    world.stored.clear();
    for (const [key, value] of copy) world.stored.set(key, value); // as a crash would leave it
    const { tokens: reloaded } = world.manager();
    expect(await world.failure(reloaded.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_LOST' });
  });
});

describe('before a refused refresh token ends a session, storage is read again: what a peer stored is adopted', () => {
  /** Two tabs on one storage; nothing keeps them from refreshing at the same time. */
  async function unguarded(exclusive: boolean | undefined) {
    const world: World = createWorld();
    const lock: World['platform']['lock'] = {
      run: (_key, _signal, task) =>
        task({ signal: new AbortController().signal, ...(exclusive === undefined ? {} : { exclusive }) }),
    };
    const deaf = { announce: () => undefined, subscribe: () => () => undefined };
    const platform = { ...world.platform, lock, channel: deaf };
    const home = await signIn(world, { platform });
    const { tokens: other } = world.manager({ platform });
    await world.run(other.getAccessToken());
    await world.clock.advance(LIFETIME);
    return { ...home, other };
  }

  test('stored while the refusal was on its way', async () => {
    const home = await unguarded(undefined);
    const { world, tokens, other, server, clock } = home;
    server.next({ ...dead, delayMs: 1_000 });
    const waiting = tokens.getAccessToken();
    await clock.advance(500);
    const theirs = await world.run(other.getAccessToken());
    expect(await world.run(waiting)).toBe(theirs);
    expectKept(home);
    expect(home.seen('refreshed')).toMatchObject([{ by: 'peer' }]);
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('stored up to 2 s after the refusal, where the lock is none', async () => {
    const home = await unguarded(false);
    const { world, tokens, other, server, clock } = home;
    server.next(dead);
    server.next({ answerDelayMs: 1_500 });
    const waiting = tokens.getAccessToken();
    const theirs = other.getAccessToken();
    expect(await world.run(waiting)).toBe(await world.run(theirs));
    expectKept(home);
    await clock.advance(10_000);
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('and with nothing newer there, the refusal is believed: after 2 s at the latest', async () => {
    for (const exclusive of [undefined, false]) {
      const { world, tokens, server, clock } = await unguarded(exclusive);
      server.next(dead);
      const from = clock.now();
      expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
      expect(clock.now() - from).toBeLessThanOrEqual(exclusive === false ? 2_500 : 0);
    }
  });
});
