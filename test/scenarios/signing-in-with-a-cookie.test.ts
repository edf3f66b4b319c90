import { expect, test } from 'vitest';
import {
  createTokenManager,
  inProcess,
  type Platform,
  type TokenManager,
  type TokenManagerOptions,
} from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { EVENT_TYPES } from '../support/world.js';

const MINUTE = 60_000;

/** A cookie endpoint whose answers come after 100 ms, or as the test says. */
function cookies(options: Partial<TokenManagerOptions> = {}, parts: Partial<Platform> = {}) {
  const clock = fakeClock();
  const home = {
    clock,
    user: 'alice' as string | undefined,
    asked: 0,
    delayMs: 100,
    platform: { ...inProcess(), clock, random: () => 0.5, ...parts } as Platform,
    async refresh() {
      const { user } = home;
      const number = ++home.asked;
      await new Promise<void>((resolve) => clock.after(home.delayMs, resolve));
      return user === undefined
        ? new Response(null, { status: 401 })
        : Response.json({ access_token: `${user}-${number}`, expires_in: 600 });
    },
    manager(): { tokens: TokenManager; events: string[] } {
      const tokens = createTokenManager({
        refresh: () => home.refresh(),
        refreshTokenIn: 'cookie',
        proactive: false,
        platform: home.platform,
        ...options,
      });
      const events: string[] = [];
      for (const type of EVENT_TYPES) {
        tokens.on(type, (event) => {
          const { reason, from } = event as { reason?: string; from?: string };
          events.push([type, from ?? reason].filter(Boolean).join(' '));
        });
      }
      return { tokens, events };
    },
  };
  return home;
}

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value ?? 'done',
    (error: { code?: string }) => error.code,
  );

test('signing out beside a sign-in with a cookie wins', async () => {
  const home = cookies();
  home.user = undefined;
  const { tokens, events } = home.manager();
  await home.clock.runUntil(tokens.ready());
  expect(tokens.getSnapshot().status).toBe('none');
  home.user = 'alice';
  const starting = outcome(tokens.startSession());
  await home.clock.advance(50);
  await home.clock.runUntil(tokens.endSession());
  await home.clock.advance(MINUTE);
  expect(await starting).toBe('ERR_NO_SESSION');
  expect(tokens.getSnapshot().status).toBe('none');
  expect(events.filter((event) => event.startsWith('refresh'))).toEqual([
    'refreshStarted resume',
    'refreshFailed resume',
    'refreshStarted resume',
    'refreshFailed resume',
  ]);
});

test('whoever asks beside a sign-in with a cookie waits for it', async () => {
  const home = cookies();
  home.user = undefined;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.ready());
  home.user = 'alice';
  const starting = outcome(tokens.startSession());
  await home.clock.advance(50);
  expect(await home.clock.runUntil(outcome(tokens.getAccessToken()))).toBe('alice-2');
  expect(await starting).toBe('done');
});

test('a look at the storage that began before a sign-in with a cookie does not supersede it', async () => {
  const home = cookies();
  const { tokens: first } = home.manager();
  await home.clock.runUntil(first.getAccessToken());
  first.dispose();
  home.user = 'bob';
  const { storage } = home.platform;
  home.platform.storage = {
    ...storage,
    getItem: (key) => new Promise<void>((done) => home.clock.after(20, done)).then(() => storage.getItem(key)),
    setItem: storage.setItem,
    removeItem: storage.removeItem,
  };
  const { tokens, events } = home.manager();
  const ready = tokens.ready();
  await home.clock.advance(5);
  const starting = outcome(tokens.startSession());
  expect(await home.clock.runUntil(starting)).toBe('done');
  await home.clock.runUntil(ready);
  expect(events).toEqual(['refreshStarted resume', 'sessionStarted cookie']);
  expect(await home.clock.runUntil(tokens.getAccessToken())).toBe('bob-2');
});

test('nor does an announcement of a peer supersede it', async () => {
  const home = cookies();
  home.user = undefined;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.ready());
  home.user = 'bob';
  home.platform.storage.setItem(
    'evertoken:session',
    JSON.stringify({
      evertoken: 1,
      sessionId: 'old',
      revision: 1,
      attemptId: 'x',
      unanswered: false,
      accessToken: 'old',
      scopes: [],
      issuedAt: home.clock.now(),
      expiresAt: home.clock.now() + 500_000,
    }),
  );
  const starting = outcome(tokens.startSession());
  await home.clock.advance(50);
  home.platform.channel.announce('evertoken:session');
  expect(await home.clock.runUntil(starting)).toBe('done');
  expect(await home.clock.runUntil(tokens.getAccessToken())).toBe('bob-2');
});

test('signing out wins over the write of another user whom the cookie brought', async () => {
  const home = cookies();
  const { storage } = home.platform;
  let isSlow = false;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.getAccessToken());
  storage.setItem = ((original) => async (key: string, value: string) => {
    if (isSlow && value.includes('bob')) {
      await new Promise<void>((done) => home.clock.after(20, done));
    }
    await original(key, value);
  })(storage.setItem.bind(storage));
  isSlow = true;
  home.user = 'bob';
  const starting = outcome(tokens.startSession());
  await home.clock.advance(110);
  await home.clock.runUntil(tokens.endSession());
  await home.clock.advance(MINUTE);
  expect(await starting).toBe('ERR_NO_SESSION');
  expect(tokens.getSnapshot().status).toBe('none');
  expect(await storage.getItem('evertoken:session')).toBeNull();
});

test('a sign-out by a peer does not end the sign-in that came after it', async () => {
  const home = cookies();
  const { tokens, events } = home.manager();
  const { tokens: peer } = home.manager();
  await home.clock.runUntil(tokens.getAccessToken());
  await home.clock.runUntil(peer.ready());
  home.user = 'bob';
  const ending = peer.endSession();
  const starting = outcome(tokens.startSession());
  await home.clock.runUntil(ending);
  expect(await home.clock.runUntil(starting)).toBe('done');
  expect(await home.clock.runUntil(tokens.getAccessToken())).toBe('bob-2');
  expect(events.filter((event) => event.startsWith('session'))).toHaveLength(3);
});

test('a refresh() beside a sign-in that is dead by the clock is not held up by it', async () => {
  const home = cookies();
  home.user = undefined;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.ready());
  home.user = 'alice';
  const { after } = home.clock;
  // a worker's continuation was cancelled: none of its timers runs any more
  home.platform.clock.after = (...timer) => (timer[0] === 100 || timer[0] >= 5_000 ? () => undefined : after(...timer));
  const dead = outcome(tokens.refresh());
  await home.clock.advance(1_000);
  home.platform.clock.after = after;
  await home.clock.advance(10 * MINUTE);
  expect(await home.clock.runUntil(outcome(tokens.refresh()))).toBe('done');
  expect(await dead).toBe('ERR_NO_SESSION');
});

test('a look during the first write of what the cookie brought tells of one session', async () => {
  const home = cookies();
  const { storage } = home.platform;
  home.platform.storage = {
    getItem: (key) => storage.getItem(key),
    setItem: async (key, value) => {
      await storage.setItem(key, value);
      await new Promise<void>((done) => home.clock.after(20, done));
    },
    removeItem: (key) => storage.removeItem(key),
  };
  const { tokens, events } = home.manager();
  const caller = outcome(tokens.getAccessToken());
  await home.clock.advance(110);
  home.platform.channel.announce('evertoken:session');
  expect(await home.clock.runUntil(caller)).toBe('alice-1');
  await home.clock.advance(1000);
  expect(events.filter((event) => event.startsWith('session'))).toHaveLength(1);
});

test('refresh() is not met by a sign-in whose request was sent before the call', async () => {
  const home = cookies();
  home.user = undefined;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.ready());
  const first = outcome(tokens.refresh());
  await home.clock.advance(50);
  home.user = 'alice';
  const second = outcome(tokens.refresh());
  expect(await home.clock.runUntil(first)).toBe('ERR_SESSION_REJECTED');
  expect(await home.clock.runUntil(second)).toBe('done');
  expect(home.asked).toBe(3);
});

test('a refresh function that asks for an access token, while it asks about the cookie, is refused at once', async () => {
  const home = cookies();
  home.user = undefined;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.ready());
  home.user = 'alice';
  const { refresh } = home;
  const refusals: unknown[] = [];
  home.refresh = async () => {
    refusals.push(await outcome(tokens.getAccessToken()));
    return refresh();
  };
  const startedAt = home.clock.now();
  expect(await home.clock.runUntil(outcome(tokens.startSession()))).toBe('done');
  expect(refusals).toEqual(['ERR_NO_SESSION']);
  expect(home.clock.now() - startedAt).toBe(home.delayMs);
});

/** The endpoint is in trouble. */
const trouble = (home: ReturnType<typeof cookies>) => {
  home.refresh = async () => {
    home.asked++;
    await new Promise<void>((resolve) => home.clock.after(home.delayMs, resolve));
    return new Response(null, { status: 503 });
  };
};

test('after a sign-in with a cookie that failed, the session of a peer who has signed in meanwhile is taken over', async () => {
  const home = cookies({ retry: { attempts: 2, minDelayMs: 5_000, maxDelayMs: 5_000 } });
  home.user = undefined;
  const ours = home.manager().tokens;
  const theirs = home.manager().tokens;
  await home.clock.runUntil(Promise.all([ours.ready(), theirs.ready()]));
  trouble(home);
  const starting = outcome(ours.startSession());
  await home.clock.advance(200); // between two attempts
  const session = theirs.startSession({ access_token: 'theirs', expires_in: 600 });
  await home.clock.runUntil(Promise.all([starting, session]));
  expect(await starting).toBe('ERR_REFRESH_UNAVAILABLE');
  await home.clock.advance(100);
  expect(ours.getSnapshot()).toMatchObject({ status: 'active', sessionId: theirs.getSnapshot().sessionId });
});

test('whoever asks beside a sign-in that fails waits for another one that begins before it has looked again', async () => {
  const home = cookies({ retry: { attempts: 1 } });
  const { storage } = home.platform;
  const slowly = (ms: number) => new Promise<void>((done) => home.clock.after(ms, done));
  home.platform = {
    ...home.platform,
    storage: { ...storage, getItem: (key) => slowly(20).then(() => storage.getItem(key)) },
  };
  home.user = undefined;
  const { tokens } = home.manager();
  await home.clock.runUntil(tokens.ready());
  const { refresh } = home;
  trouble(home);
  home.delayMs = 2_000;
  const first = outcome(tokens.startSession());
  const caller = outcome(tokens.getAccessToken());
  expect(await home.clock.runUntil(first)).toBe('ERR_REFRESH_UNAVAILABLE');
  home.user = 'alice';
  home.refresh = refresh;
  const second = outcome(tokens.startSession());
  expect(await home.clock.runUntil(second)).toBe('done');
  expect(await home.clock.runUntil(caller)).toMatch(/^alice-/);
});

test('what a cookie has brought does not take the place of a sign-in that was found while the release of the lock hung', async () => {
  const home = cookies();
  const { lock } = home.platform;
  const { platform } = home;
  home.platform = {
    ...platform,
    lock: { run: (...given) => lock.run(...given).then(() => new Promise<never>(() => undefined)) },
  };
  const ours = home.manager();
  home.platform = platform;
  const theirs = home.manager().tokens;
  void ours.tokens.ready();
  await home.clock.advance(150); // it is stored, and the lock is free
  await home.clock.runUntil(theirs.startSession({ access_token: 'theirs', expires_in: 600 }));
  await home.clock.advance(MINUTE);
  expect(ours.events).not.toContain('sessionEnded replaced');
  expect(ours.tokens.getSnapshot().sessionId).toBe(theirs.getSnapshot().sessionId);
  expect(await home.clock.runUntil(ours.tokens.getAccessToken())).toBe('theirs');
});

test('a refresh() that waits for a look at the storage does not take the place of a sign-in that begins meanwhile', async () => {
  const home = cookies();
  const { storage } = home.platform;
  home.platform = {
    ...home.platform,
    storage: {
      ...storage,
      getItem: async (key) => {
        await new Promise<void>((done) => home.clock.after(100, done));
        return storage.getItem(key);
      },
    },
  };
  home.user = undefined;
  const { tokens, events } = home.manager();
  await home.clock.runUntil(tokens.ready());
  await home.clock.advance(5_000); // long enough for another look
  home.user = 'alice';
  const refreshing = outcome(tokens.refresh());
  await home.clock.advance(50);
  const starting = outcome(tokens.startSession({ access_token: 'alice-0', expires_in: 600 }));
  expect(await home.clock.runUntil(starting)).toBe('done');
  expect(await home.clock.runUntil(refreshing)).toBe('done');
  expect(events.filter((event) => event.startsWith('session'))).toEqual(['sessionStarted sign-in']);
  expect(await home.clock.runUntil(tokens.getAccessToken())).toMatch(/^alice-[1-9]/);
});
