import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess, type RefreshTokens, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { signedIn, silent } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

describe('the end of a session', () => {
  test('is told when nothing of it is left here, and does not wait for the server', async () => {
    let isRevoked = false;
    const home = await signedIn(
      {
        revoke: async () => {
          await new Promise<void>((resolve) => home.clock.after(5_000, resolve));
          isRevoked = true;
        },
      },
      { storage: 'slow' },
    );
    let storedAtTheEnd: number | undefined;
    home.tokens.on('sessionEnded', () => {
      storedAtTheEnd = home.stored.size;
    });
    const ending = home.tokens.endSession();
    expect(home.tokens.getSnapshot().status).toBe('none');
    expect(home.seen('sessionEnded')).toEqual([]);
    await home.clock.runUntil(ending);
    expect(isRevoked).toBe(false);
    expect(storedAtTheEnd).toBe(0);
    expect(home.seen('sessionEnded')).toMatchObject([{ reason: 'ended' }]);
    await home.clock.runUntil(home.tokens.settled());
    expect(isRevoked).toBe(true);
  });

  test('is told although the storage refuses, within its bound', async () => {
    const home = await signedIn();
    const { storage } = home.platform;
    Object.assign(storage, { removeItem: () => Promise.reject(new Error('read-only')) });
    await expect(home.clock.runUntil(home.tokens.endSession())).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(home.seen('sessionEnded')).toMatchObject([{ reason: 'ended' }]);
  });
});

describe('nobody is signed in', () => {
  const onOneStorage = () => {
    const clock = fakeClock();
    const platform = { ...inProcess(), clock, channel: silent };
    let reads = 0;
    const count = (key: string) => {
      reads++;
      return key;
    };
    const counted = {
      ...platform,
      storage: { ...platform.storage, getItem: (key: string) => platform.storage.getItem(count(key)) },
    };
    const refresh: RefreshTokens = () => Promise.reject(new Error('nobody expected a refresh'));
    const ours = createTokenManager({ refresh, platform: counted, proactive: false });
    const other = createTokenManager({ refresh, platform, proactive: false });
    return { clock, ours, other, reads: () => reads };
  };

  test('is looked at again when somebody asks: a sign-in elsewhere is found without a restart', async () => {
    const { clock, ours, other } = onOneStorage();
    await expect(clock.runUntil(ours.getAccessToken())).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    await clock.runUntil(other.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 }));
    await clock.advance(1_000);
    expect(await clock.runUntil(ours.getAccessToken())).toBe('at');
    await clock.runUntil(other.endSession());
    await expect(clock.runUntil(ours.refresh())).rejects.toMatchObject({ name: 'SessionError' });
  });

  test('is looked at at most once a second, however many ask', async () => {
    const { clock, ours, reads } = onOneStorage();
    const ask = () => ours.getAccessToken().catch(() => undefined);
    await clock.runUntil(ask());
    const first = reads();
    for (let n = 0; n < 100; n++) await clock.runUntil(ask());
    expect(reads()).toBe(first);
    await clock.advance(999);
    await clock.runUntil(ask());
    expect(reads()).toBe(first);
    await clock.advance(1);
    await clock.runUntil(Promise.all(Array.from({ length: 100 }, ask)));
    expect(reads()).toBe(first + 1);
  });
});

describe('a caller beside a startSession that is under way', () => {
  test('waits for it, and gets the token of that session', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = world.manager();
    const starting = tokens.startSession(world.server.signIn());
    const beside = [tokens.getAccessToken(), tokens.getAccessToken({})];
    await world.run(starting);
    const token = await world.run(tokens.getAccessToken());
    expect(await world.run(Promise.all(beside))).toEqual([token, token]);
  });

  test('may leave before it is over', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = world.manager();
    const controller = new AbortController();
    const starting = tokens.startSession(world.server.signIn());
    const beside = tokens.getAccessToken({ signal: controller.signal }).catch((error) => error);
    await undefined;
    controller.abort('gone');
    expect(await beside).toBe('gone');
    await world.run(starting);
  });

  test('is refused where it is ended before it is over', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = world.manager();
    const starting = tokens.startSession(world.server.signIn()).catch(() => undefined);
    const beside = tokens.getAccessToken().catch((error) => error);
    const ending = tokens.endSession();
    await world.run(Promise.all([starting, ending]));
    expect(await world.run(beside)).toMatchObject({ code: 'ERR_NO_SESSION' });
  });
});

describe('with the refresh token in a cookie', () => {
  /** A browser whose cookie is this user's; undefined: nobody's. */
  const browser = () => {
    const clock = fakeClock();
    const platform = { ...inProcess(), clock };
    const state: { user: string | undefined; asked: number; status: number } = {
      user: undefined,
      asked: 0,
      status: 200,
    };
    const refresh: RefreshTokens = async () => {
      state.asked++;
      if (state.status !== 200) return new Response(null, { status: state.status });
      return state.user
        ? Response.json({ access_token: `at-${state.user}-${state.asked}`, expires_in: 600 })
        : Response.json({ error: 'invalid_grant' }, { status: 400 });
    };
    const tab = (): TokenManager =>
      createTokenManager({ refresh, refreshTokenIn: 'cookie', platform, proactive: false, retry: { attempts: 1 } });
    return { clock, state, tab };
  };

  test('startSession() without an argument asks the endpoint now, after nobody was signed in', async () => {
    const { clock, state, tab } = browser();
    const tokens = tab();
    expect((await clock.runUntil(tokens.ready())).status).toBe('none');
    state.user = 'ada';
    await clock.runUntil(tokens.startSession());
    expect(await clock.runUntil(tokens.getAccessToken())).toBe('at-ada-2');
  });

  test('what it answers replaces the session of the user before, here and in other tabs', async () => {
    const { clock, state, tab } = browser();
    const [tokens, other] = [tab(), tab()];
    state.user = 'ada';
    await clock.runUntil(tokens.ready());
    await clock.runUntil(other.ready());
    const ended: string[] = [];
    tokens.on('sessionEnded', ({ reason }) => ended.push(reason));
    const before = tokens.getSnapshot().sessionId;
    state.user = 'bob';
    await clock.runUntil(tokens.startSession());
    expect(ended).toEqual(['replaced']);
    expect(tokens.getSnapshot().sessionId).not.toBe(before);
    expect(await clock.runUntil(tokens.getAccessToken())).toMatch(/^at-bob/);
    await clock.settle();
    expect(await clock.runUntil(other.getAccessToken())).toMatch(/^at-bob/);
  });

  test('that nobody is signed in ends the session there was', async () => {
    const { clock, state, tab } = browser();
    const tokens = tab();
    state.user = 'ada';
    await clock.runUntil(tokens.ready());
    state.user = undefined;
    await expect(clock.runUntil(tokens.startSession())).rejects.toMatchObject({ name: 'SessionError' });
    expect(tokens.getSnapshot().status).toBe('none');
    // and the next page does not find it either
    const next = tab();
    expect((await clock.runUntil(next.ready())).status).toBe('none');
  });

  test('an endpoint that fails keeps the session there was, and tells so', async () => {
    const { clock, state, tab } = browser();
    const tokens = tab();
    state.user = 'ada';
    await clock.runUntil(tokens.ready());
    state.status = 503;
    await expect(clock.runUntil(tokens.startSession())).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(tokens.getSnapshot().status).toBe('active');
    expect(await clock.runUntil(tokens.getAccessToken())).toMatch(/^at-ada/);
  });

  test('refresh() asks in every state', async () => {
    const { clock, state, tab } = browser();
    const tokens = tab();
    expect((await clock.runUntil(tokens.ready())).status).toBe('none');
    state.user = 'ada';
    await clock.runUntil(tokens.refresh());
    expect(tokens.getSnapshot().status).toBe('active');
    state.user = undefined;
    await expect(clock.runUntil(tokens.refresh())).rejects.toMatchObject({ name: 'SessionError' });
    state.status = 503;
    await expect(clock.runUntil(tokens.refresh())).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(tokens.getSnapshot().status).toBe('none');
    state.status = 200;
    state.user = 'bob';
    await clock.runUntil(tokens.refresh());
    expect(tokens.getSnapshot().status).toBe('active');
  });
});

describe('ready()', () => {
  test('resolves as soon as it is known whether there is a session', async () => {
    const home = await signedIn({}, { storage: 'slow' });
    const { tokens } = home.manager();
    expect(tokens.getSnapshot().status).toBe('loading');
    const ready = tokens.ready();
    const snapshot = await home.run(ready);
    expect(snapshot).toBe(tokens.getSnapshot());
    expect(snapshot.status).toBe('active');
    const empty = createWorld();
    expect((await empty.run(empty.manager().tokens.ready())).status).toBe('none');
  });

  test('resolves with the error where the storage cannot be read now', async () => {
    const world = createWorld();
    Object.assign(world.platform.storage as object, { getItem: () => Promise.reject(new Error('locked')) });
    const { tokens } = world.manager();
    expect(await world.run(tokens.ready())).toMatchObject({ status: 'loading', error: { code: 'ERR_STORAGE_READ' } });
  });

  test('is refused after dispose(), also to whoever waits', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = world.manager();
    const waiting = tokens.ready().catch((error) => error);
    tokens.dispose();
    expect(await world.run(waiting)).toMatchObject({ code: 'ERR_DISPOSED' });
    expect(await world.failure(tokens.ready())).toMatchObject({ code: 'ERR_DISPOSED' });
  });
});

describe('settled()', () => {
  test('says when a refresh behind a served token is over, its write included', async () => {
    const home = await signedIn({}, { storage: 'slow', server: { answerDelayMs: 50 } });
    await home.clock.advance(590_000);
    const before = new Map(home.stored);
    await home.run(home.tokens.getAccessToken());
    await home.run(home.tokens.settled());
    expect(home.seen('refreshed')).toHaveLength(1);
    expect(new Map(home.stored)).not.toEqual(before);
  });

  test('resolves at once where nothing is under way, and never rejects', async () => {
    const home = await signedIn();
    await home.run(home.tokens.settled());
    const at = home.clock.now();
    await home.run(home.tokens.settled());
    expect(home.clock.now()).toBe(at);
    home.tokens.dispose();
    await home.run(home.tokens.settled());
  });

  test('is bounded where the server never answers', async () => {
    const home = await signedIn({ revoke: () => new Promise(() => undefined), timeoutMs: 1_000 });
    Object.assign(home.platform.storage as object, { removeItem: () => new Promise(() => undefined) });
    home.tokens.endSession().catch(() => undefined);
    const at = home.clock.now();
    await home.clock.runUntil(home.tokens.settled());
    expect(home.clock.now() - at).toBeLessThanOrEqual(2 * 1_000 + 15_000);
  });
});
