import { describe, expect, test } from 'vitest';
import { isTokenError, type Platform, type SessionSnapshot } from '../../src/index.js';
import type { ScriptedAnswer } from '../../src/testing.js';
import { sentence } from '../support/sentence.js';
import { LIFETIME, type SignedIn, signedIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

/** All that a status line needs: the snapshot and the time. */
function draw({ status, refreshing, retryAt, error }: SessionSnapshot, now: number): string {
  if (status === 'none') return error ? `please sign in again, because ${error.code}` : 'please sign in';
  if (status === 'loading') return error ? `cannot look, because ${error.code}` : 'looking';
  if (retryAt !== undefined && retryAt > now) return `reconnecting in ${Math.ceil((retryAt - now) / 1_000)} s`;
  return refreshing ? 'reconnecting' : 'signed in';
}

const once = { attempts: 1, minDelayMs: 500, maxDelayMs: 60_000 };

describe('each error says when trying again helps', () => {
  const broken =
    (port: 'lock' | 'storage', members: object) =>
    ({ platform }: SignedIn) =>
      void Object.assign(platform[port], members);
  const never: Platform['lock']['run'] = (_key, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const answer =
    (scripted: ScriptedAnswer) =>
    ({ server }: SignedIn) =>
      server.always(scripted);

  const faults: [string, (home: SignedIn) => void][] = [
    ['ERR_REFRESH_NETWORK', answer({ drop: true })],
    ['ERR_REFRESH_TIMEOUT', answer({ hang: true })],
    ['ERR_REFRESH_UNAVAILABLE', answer({ status: 503 })],
    ['ERR_REFRESH_RESPONSE', answer({ status: 200, body: '<html>' })],
    ['ERR_REFRESH_CONFIG', answer({ status: 401, body: { error: 'invalid_client' } })],
    ['ERR_REFRESH_INTERACTION', answer({ status: 400, body: { error: 'interaction_required' } })],
  ];
  test.each(faults)('%s', async (code, break_) => {
    const home = await signedIn({ retry: once });
    const { tokens, clock, world } = home;
    await clock.advance(LIFETIME);
    break_(home);
    const error = await world.failure(tokens.getAccessToken());
    expect(isTokenError(error) && error.code).toBe(code);
    expect(error.retryAt).toBeGreaterThan(clock.now());
    expect(error.retryAt).toBeLessThanOrEqual(clock.now() + 60_000);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error, retryAt: error.retryAt });
    expect(draw(tokens.getSnapshot(), clock.now())).toMatch(/^reconnecting in \d+ s$/);
    // the same error, told again
    expect(await world.failure(tokens.getAccessToken())).toBe(error);
  });

  const local: typeof faults = [
    ['ERR_LOCK_TIMEOUT', broken('lock', { run: never })],
    ['ERR_STORAGE_READ', broken('storage', { getItem: () => Promise.reject(new Error('locked')) })],
  ];
  test.each(local)('%s: at once, for no server has to be spared', async (code, break_) => {
    const home = await signedIn();
    const { tokens, clock, world } = home;
    await clock.advance(LIFETIME);
    break_(home);
    const error = await world.failure(tokens.getAccessToken());
    expect(isTokenError(error) && error.code).toBe(code);
    expect(error.retryAt).toBe(clock.now());
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error, retryAt: error.retryAt });
  });

  test.each(local)('%s: but nothing goes round in circles when nobody asks', async (_, break_) => {
    const home = await signedIn({ proactive: true });
    const { clock, platform } = home;
    break_(home);
    let calls = 0;
    for (const [port, name] of [
      ['lock', 'run'],
      ['storage', 'getItem'],
    ] as const) {
      const members = platform[port] as unknown as Record<string, (...args: unknown[]) => unknown>;
      const before = members[name];
      members[name] = (...args) => {
        calls++;
        return before?.(...args);
      };
    }
    await clock.advance(2 * LIFETIME);
    expect(calls).toBeGreaterThan(2);
    expect(calls).toBeLessThanOrEqual(200);
  });

  test('but not where only a sign-in does', async () => {
    const { tokens, server, world } = await signedIn();
    server.always({ status: 400, body: { error: 'invalid_grant' } });
    const rejected = await world.failure(tokens.refresh());
    expect(rejected).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(rejected).not.toHaveProperty('retryAt');
    await world.run(tokens.startSession(server.signIn()));
    await world.run(tokens.endSession());
    const none = await world.failure(tokens.getAccessToken());
    expect(none).toMatchObject({ code: 'ERR_NO_SESSION' });
    expect(none).not.toHaveProperty('retryAt');
  });

  test('nor where only other code does', async () => {
    const { tokens, world } = await signedIn();
    tokens.dispose();
    const disposed = await world.failure(tokens.getAccessToken());
    expect(disposed).toMatchObject({ name: 'OptionsError', code: 'ERR_DISPOSED' });
    expect(disposed).not.toHaveProperty('retryAt');
  });
});

describe('a refresh error says what the server said', () => {
  test('status, code and the number of attempts', async () => {
    const { tokens, server, clock, world, seen } = await signedIn();
    server.always({ status: 429, body: { error: 'slow_down' }, headers: { 'Retry-After': '2' } });
    await clock.advance(LIFETIME);
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ status: 429, oauthError: 'slow_down', attempts: 3 });
    expect(seen('refreshFailed').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    for (const event of seen('refreshFailed')) {
      expect(event.retryAt).toBe(event.error.retryAt);
      expect(event.retryAt).toBeGreaterThanOrEqual(event.at + 2_000);
      expect(event).toMatchObject({ reason: 'expired', durationMs: expect.any(Number) });
    }
  });

  test('the cause has a name and a code, and is not the original', async () => {
    class ClientError extends Error {
      override name = 'ClientError';
      code = 'ECONNREFUSED';
      config = { data: 'secret-of-the-request' };
    }
    const { tokens, world } = await signedIn({
      retry: once,
      refresh: () => Promise.reject(new ClientError('connect ECONNREFUSED 127.0.0.1:443')),
    });
    const error = await world.failure(tokens.refresh());
    expect(error.cause).toMatchObject({ name: 'ClientError', code: 'ECONNREFUSED' });
    expect(error.cause).not.toBeInstanceOf(ClientError);
    expect(JSON.stringify(error.cause)).not.toContain('secret-of-the-request');
  });
});

describe('the snapshot is enough to draw', () => {
  test('"reconnecting in 12 s", counting down, and back to "signed in"', async () => {
    const { tokens, server, clock, world } = await signedIn({ retry: once });
    const drawn: string[] = [];
    tokens.subscribe(() => drawn.push(draw(tokens.getSnapshot(), clock.now())));
    server.next({ status: 503, headers: { 'Retry-After': '12' } });
    await clock.advance(LIFETIME);
    await world.failure(tokens.getAccessToken());
    expect(draw(tokens.getSnapshot(), clock.now())).toMatch(/^reconnecting in 1[23] s$/);
    await clock.advance(5_000);
    expect(draw(tokens.getSnapshot(), clock.now())).toMatch(/^reconnecting in [78] s$/);
    await clock.advanceTo(tokens.getSnapshot().retryAt ?? 0);
    server.set({ delayMs: 1_000 });
    const waiting = tokens.getAccessToken();
    await clock.advance(500);
    expect(draw(tokens.getSnapshot(), clock.now())).toBe('reconnecting');
    await world.run(waiting);
    expect(draw(tokens.getSnapshot(), clock.now())).toBe('signed in');
    expect(drawn[0]).toBe('reconnecting');
    expect(drawn.at(-1)).toBe('signed in');
  });

  test.each([
    ['ERR_SESSION_REJECTED', { status: 400, body: { error: 'invalid_grant' } }],
    ['ERR_SESSION_LOST', { acts: true, drop: true }],
  ])('"please sign in again, because %s"', async (code, scripted) => {
    const { tokens, server, clock, world } = await signedIn();
    server.next(scripted);
    await clock.advance(LIFETIME);
    await world.failure(tokens.getAccessToken());
    expect(draw(tokens.getSnapshot(), clock.now())).toBe(`please sign in again, because ${code}`);
    expect(tokens.getSnapshot().error?.message).toEqual(sentence(/sign in/i, '400, invalid_grant'));
  });

  test('"please sign in", where nobody is or the user left', async () => {
    const world = createWorld();
    const { tokens } = world.manager();
    expect(draw(tokens.getSnapshot(), 0)).toBe('looking');
    await world.failure(tokens.getAccessToken());
    expect(draw(tokens.getSnapshot(), 0)).toBe('please sign in');
    await world.run(tokens.startSession(world.server.signIn()));
    await world.run(tokens.endSession());
    expect(draw(tokens.getSnapshot(), 0)).toBe('please sign in');
  });

  test('"cannot look", where the storage is locked', async () => {
    const world = createWorld();
    Object.assign(world.platform.storage, { getItem: () => Promise.reject(new Error('locked')) });
    const { tokens } = world.manager();
    await world.failure(tokens.getAccessToken());
    expect(draw(tokens.getSnapshot(), 0)).toBe('cannot look, because ERR_STORAGE_READ');
  });

  test('it is the same object until something changes, and another one then', async () => {
    const { tokens, clock, world } = await signedIn();
    const before = tokens.getSnapshot();
    let changes = 0;
    tokens.subscribe(() => changes++);
    await clock.advance(1_000);
    await world.run(tokens.getAccessToken());
    expect(tokens.getSnapshot()).toBe(before);
    expect(changes).toBe(0);
    await world.run(tokens.refresh());
    expect(tokens.getSnapshot()).not.toBe(before);
    expect(changes).toBeGreaterThan(0);
  });
});
