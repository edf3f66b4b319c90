import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  createTokenManager,
  isTokenError,
  type Platform,
  type TokenManagerOptions,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock, peers } from '../../src/testing.js';

/** A server, a clock, and contexts on one storage; every user has a session of their own. */
function world(storageDelayMs = 0) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000, delayMs: 40 });
  const [first, second] = peers(2, { clock });
  if (storageDelayMs > 0) {
    first.storageFault = { delayMs: storageDelayMs };
    second.storageFault = { delayMs: storageDelayMs };
  }
  const events: string[] = [];
  function manager(platform: Platform = first.platform, options: Partial<TokenManagerOptions> = {}) {
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform,
      proactive: false,
      ...options,
    });
    tokens.on('sessionStarted', () => events.push('started'));
    tokens.on('refreshed', () => events.push('refreshed'));
    tokens.on('sessionEnded', ({ reason }) => events.push(`ended: ${reason}`));
    tokens.on('storageFailed', ({ operation }) => events.push(`storage: ${operation}`));
    return tokens;
  }
  return { clock, server, first, second, events, manager };
}

const userOf = (server: ReturnType<typeof createAuthServer>, token: string) => server.inspect(token)?.user;

describe('of two commands given at any distance the later one counts', () => {
  for (const storageDelayMs of [0, 7]) {
    for (const [earlier, later] of [
      ['startSession', 'endSession'],
      ['endSession', 'startSession'],
      ['startSession', 'startSession'],
      ['endSession', 'endSession'],
      ['refresh', 'startSession'],
      ['refresh', 'endSession'],
    ] as const) {
      test(`${earlier}, then ${later}, with storage of ${storageDelayMs} ms, in both tabs`, async () => {
        // each distance in promise jobs, then in milliseconds, up to after the end of the earlier one
        const distances = [
          ...Array.from({ length: 40 }, (_, jobs) => ({ jobs, ms: 0 })),
          ...Array.from({ length: 80 }, (_, ms) => ({ jobs: 0, ms: ms + 1 })),
        ];
        for (const { jobs, ms } of distances) {
          const where = `${jobs} jobs and ${ms} ms apart`;
          const { clock, server, second, events, manager, first } = world(storageDelayMs);
          const tokens = manager();
          const other = createTokenManager({
            refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
            platform: second.platform,
            proactive: false,
          });
          await clock.runUntil(tokens.startSession(server.signIn({ user: 'old' })));
          await clock.runUntil(other.getAccessToken());
          await clock.advance(61_000);
          const caller = tokens.getAccessToken().then(
            (token) => userOf(server, token),
            (error) => error.code,
          );
          const give = (command: typeof earlier | typeof later, user: string) =>
            command === 'startSession' ? tokens.startSession(server.signIn({ user })) : tokens[command]();
          const one = give(earlier, 'between').catch((error) => error.code);
          for (let job = 0; job < jobs; job++) await undefined;
          if (ms > 0) await clock.advance(ms);
          const heard = events.length;
          const two = give(later, 'new');
          const outcome = await clock.runUntil(Promise.all([one, two, caller]));
          await clock.advance(5_000);

          expect(['old', 'ERR_NO_SESSION', 'ERR_SESSION_REJECTED'], where).toContain(outcome[2]);
          if (later === 'endSession') {
            expect([tokens.getSnapshot().status, other.getSnapshot().status], where).toEqual(['none', 'none']);
            expect([...first.items], where).toEqual([]);
            expect(events.slice(heard), where).not.toContain('refreshed');
            await expect(clock.runUntil(tokens.getAccessToken()), where).rejects.toMatchObject({
              code: 'ERR_NO_SESSION',
            });
          } else {
            for (const each of [tokens, other]) {
              expect(userOf(server, await clock.runUntil(each.getAccessToken())), where).toBe('new');
            }
            expect(tokens.getSnapshot().sessionId, where).toBe(other.getSnapshot().sessionId);
          }
          expect(server.counts.reusesDetected, where).toBe(0);
          tokens.dispose();
          other.dispose();
          await clock.advance(1_000);
          expect(clock.pending, where).toBe(0);
        }
      });
    }
  }
});

describe('signing out where the lock or the storage fails', () => {
  test.each(['throws', 'hangs'] as const)(
    'a storage that %s: ended here at once, told, rejected within a bound, and erased when it works again',
    async (how) => {
      const { clock, server, first, second, events, manager } = world();
      const tokens = manager();
      await clock.runUntil(tokens.startSession(server.signIn()));
      first.storageFault = (operation) =>
        operation === 'removeItem' || operation === 'setItem'
          ? how === 'throws'
            ? { error: new Error('disk') }
            : { hang: true }
          : undefined;
      const began = clock.now();
      const ended = tokens.endSession().catch((error) => error);
      await clock.settle();
      expect(tokens.getSnapshot().status).toBe('none');
      await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
      const error = await clock.runUntil(ended);
      expect(isTokenError(error) && error.code).toBe('ERR_STORAGE_WRITE');
      expect(clock.now() - began).toBeLessThanOrEqual(20_000);
      expect(events.filter((event) => event.startsWith('storage'))).not.toEqual([]);
      first.storageFault = undefined;
      await clock.advance(120_000);
      expect([...first.items]).toEqual([]);
      expect(second.items.size).toBe(0);
      tokens.dispose();
    },
  );

  test('a lock that another holds for ever: rejects with ERR_LOCK_TIMEOUT, or takes over, and erases in the end', async () => {
    const { clock, server, first, manager, events } = world();
    let release: () => void = () => undefined;
    let stuck = false;
    const lock: Platform['lock'] = {
      run: (key, signal, task, options) =>
        stuck
          ? new Promise((resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason));
              release = () => void first.platform.lock.run(key, signal, task, options).then(resolve, reject);
            })
          : first.platform.lock.run(key, signal, task, options),
    };
    const tokens = manager({ ...first.platform, lock });
    await clock.runUntil(tokens.startSession(server.signIn()));
    stuck = true;
    const began = clock.now();
    const error = await clock.runUntil(tokens.endSession().catch((thrown) => thrown));
    expect(isTokenError(error) && error.code).toBe('ERR_LOCK_TIMEOUT');
    expect(clock.now() - began).toBeLessThanOrEqual(20_000);
    expect(tokens.getSnapshot().status).toBe('none');
    expect(events.some((event) => event.startsWith('storage'))).toBe(true);
    stuck = false;
    release();
    await clock.advance(120_000);
    expect([...first.items]).toEqual([]);
    tokens.dispose();
  });

  test('an erasure that is still being tried never erases the session that has started since', async () => {
    const { clock, server, first, manager } = world();
    const tokens = manager();
    await clock.runUntil(tokens.startSession(server.signIn({ user: 'old' })));
    first.storageFault = { error: new Error('disk') };
    await clock.runUntil(tokens.endSession().catch(() => undefined));
    await clock.runUntil(tokens.startSession(server.signIn({ user: 'new' })));
    first.storageFault = undefined;
    await clock.advance(300_000);
    expect(userOf(server, await clock.runUntil(tokens.getAccessToken()))).toBe('new');
    tokens.dispose();
    const reloaded = manager(first.reload());
    expect(userOf(server, await clock.runUntil(reloaded.getAccessToken()))).toBe('new');
    reloaded.dispose();
  });
});

describe('tokens in odd places are in no error, event, snapshot or console', () => {
  const SECRETS = ['canary-access-0123456789', 'canary-refresh-0123456789', 'canary-next-0123456789'];
  const [access, refresh] = SECRETS as [string, string];
  const response = { access_token: access, refresh_token: refresh, token_type: 'Bearer', expires_in: 60 };

  test.each<[string, () => unknown]>([
    ['the message of an error', () => new Error(`failed with ${refresh}`)],
    ['its name, code and stack', () => Object.assign(new Error('x'), { name: refresh, code: access, stack: refresh })],
    ['causes in causes', () => new Error('a', { cause: new Error('b', { cause: new Error(refresh) }) })],
    ['an AggregateError', () => new AggregateError([new Error(refresh)], refresh)],
    ['a string', () => `failed: ${refresh}`],
    ['an OAuth error that is the token', () => Object.assign(new Error('x'), { error: refresh, status: 400 })],
    [
      'a percent-encoded or JSON message',
      () => new Error(`{"refresh_token":"${refresh}"} ${encodeURIComponent(refresh)}`),
    ],
    [
      'an axios error',
      () =>
        Object.assign(new Error('x'), {
          config: { data: refresh },
          response: { status: 400, data: { error: refresh, error_description: refresh } },
        }),
    ],
    ['a part of it', () => new Error(`…${refresh.slice(4, 20)}…`)],
    ['an object with a getter', () => Object.defineProperty({}, 'message', { get: () => refresh, enumerable: true })],
    [
      'a Response',
      () =>
        new Response(JSON.stringify({ error: refresh, error_description: access }), {
          status: 400,
          statusText: refresh,
        }),
    ],
  ])('%s that the refresh function throws', async (_place, make) => {
    const { clock, manager } = world();
    const tokens = manager(undefined, {
      refresh: () => Promise.reject(make()),
      retry: { attempts: 2 },
    } as Partial<TokenManagerOptions>);
    const seen: unknown[] = [];
    for (const type of ['refreshFailed', 'refreshStarted', 'sessionEnded', 'storageFailed'] as const)
      tokens.on(type, (event) => seen.push(event));
    await clock.runUntil(tokens.startSession(response));
    await clock.advance(61_000);
    seen.push(await clock.runUntil(tokens.getAccessToken().catch((error) => error)));
    seen.push(tokens.getSnapshot());
    const told = seen
      .flatMap((each) => [
        inspect(each, { showHidden: true, depth: Infinity, getters: true }),
        JSON.stringify(each),
        String((each as Error)?.stack),
      ])
      .join('\n');
    for (const secret of SECRETS)
      for (let at = 0; at + 12 <= secret.length; at++) expect(told).not.toContain(secret.slice(at, at + 12));
    tokens.dispose();
  });

  test('an error of the storage that quotes what it was given', async () => {
    const { clock, first, manager } = world();
    const storage: Platform['storage'] = {
      getItem: () => null,
      setItem: (_key, value) => Promise.reject(new Error(`quota: ${value}`, { cause: value })),
      removeItem: () => undefined,
    };
    const tokens = manager({ ...first.platform, storage });
    const seen: unknown[] = [];
    tokens.on('storageFailed', (event) => seen.push(event));
    await clock.runUntil(tokens.startSession(response));
    await clock.advance(10_000);
    expect(seen.length).toBeGreaterThan(0);
    const told =
      inspect([seen, tokens, tokens.getSnapshot()], { showHidden: true, depth: Infinity }) +
      JSON.stringify([seen, tokens]);
    for (const secret of SECRETS) expect(told).not.toContain(secret.slice(3, 18));
    tokens.dispose();
  });
});
