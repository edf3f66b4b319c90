import { describe, expect, test } from 'vitest';
import type { Lease, RefreshTokens } from '../../src/index.js';
import { forResource } from '../../src/integrations/oauth.js';
import { LIFETIME, signedIn, signIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

const KEY = 'evertoken:session';
const deaf = { announce: () => undefined, subscribe: () => () => undefined };

/** Two managers on one storage; the lock of the first is lost, or stuck, when the test says so. */
async function fragile() {
  const world = createWorld();
  world.platform.random = () => 0.5;
  const { lock } = world.platform;
  const control = { isStuck: false, lose: () => undefined as unknown };
  const own: typeof lock = {
    run: (key, signal, task, options) =>
      control.isStuck
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        : lock.run(
            key,
            signal,
            () => {
              const lost = new AbortController();
              control.lose = () => lost.abort();
              const lease: Lease = { signal: lost.signal };
              return task(lease);
            },
            options,
          ),
  };
  const home = await signIn(world, { platform: { ...world.platform, lock: own, channel: deaf } });
  // whoever took the lock over does not wait for it
  const free: typeof lock = { run: (_key, _signal, task) => task({ signal: new AbortController().signal }) };
  const { tokens: peer } = world.manager({ platform: { ...world.platform, lock: free, channel: deaf } });
  await world.run(peer.getAccessToken());
  await world.clock.advance(LIFETIME);
  return { ...home, peer, control };
}

test('a caller whose lock was not to be had is served what the holder has stored meanwhile', async () => {
  const { tokens, peer, control, world, clock, server, seen } = await fragile();
  control.isStuck = true;
  const waiting = tokens.getAccessToken();
  await clock.advance(5_000);
  const theirs = await world.run(peer.getAccessToken());
  expect(await world.run(waiting)).toBe(theirs);
  expect(server.tokenRequests).toHaveLength(1);
  expect(seen('refreshed')).toMatchObject([{ by: 'peer' }]);
});

test('a caller whose lock was not to be had hears that the holder has replaced the session', async () => {
  const { tokens, peer, control, world, clock, server, seen } = await fragile();
  control.isStuck = true;
  const waiting = tokens.getAccessToken().catch((reason) => reason);
  await clock.advance(5_000);
  await world.run(peer.startSession(server.signIn({ user: 'bob' })));
  expect(await world.run(waiting)).toMatchObject({ code: 'ERR_NO_SESSION' });
  expect(seen('sessionEnded')).toMatchObject([{ reason: 'peer' }]);
  expect(server.inspect(await world.run(tokens.getAccessToken()))?.user).toBe('bob');
});

describe('when the lock is lost', () => {
  test('before the request, none is made', async () => {
    const { tokens, control, world, clock, server } = await fragile();
    world.onMoment = (name) => {
      if (name === 'setItem') control.lose();
    };
    const error = await world.failure(tokens.getAccessToken());
    expect(error).toMatchObject({ name: 'LockError', code: 'ERR_LOCK_LOST', retryAt: clock.now() });
    expect(server.tokenRequests).toHaveLength(0);
    world.onMoment = undefined;
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
  });

  test('with the answer in hand, it is stored under the next lock, if the storage holds what the exchange began with', async () => {
    const { tokens, control, world, server, stored, moments, seen } = await fragile();
    world.onMoment = (name) => {
      if (name === 'response arrived') control.lose();
    };
    moments.length = 0;
    const token = await world.run(tokens.getAccessToken());
    expect(server.inspect(token)?.active).toBe(true);
    expect(stored.get(KEY)).toContain(token);
    expect(server.tokenRequests).toHaveLength(1);
    expect(seen('refreshed')).toMatchObject([{ by: 'us' }]);
    const after = moments.slice(moments.indexOf('response arrived')).filter((name) => /lock|^setItem$/.test(name));
    expect(after.slice(0, 4)).toEqual(['lock released', 'lock asked', 'lock granted', 'setItem']);
  });

  test('with the answer in hand, what is there is adopted if somebody else was faster', async () => {
    const { tokens, peer, control, world, clock, server, stored } = await fragile();
    server.set({ reuseWindowMs: 60_000 });
    server.next({ answerDelayMs: 2_000 });
    const waiting = tokens.getAccessToken();
    await clock.advance(500);
    control.lose();
    await world.run(peer.getAccessToken());
    await world.run(peer.refresh());
    const newest = await world.run(peer.getAccessToken());
    expect(await world.run(waiting)).toBe(newest);
    expect(stored.get(KEY)).toContain(newest);
    expect(server.counts.reusesDetected).toBe(0);
  });

  test('with a refusal in hand, whoever took it over decides: nobody is signed out', async () => {
    const { tokens, control, world, server, seen } = await fragile();
    server.next({ status: 400, body: { error: 'invalid_grant' } });
    world.onMoment = (name) => {
      if (name === 'response arrived') control.lose();
    };
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(seen('sessionEnded')).toEqual([]);
    world.onMoment = undefined;
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
  });
});

describe('a page that was frozen, and is granted the lock anew before it hears that it has lost it,', () => {
  /** The first who is granted the lock is frozen in the read that follows, and is never told that it was taken over. */
  async function frozen() {
    const world = createWorld();
    const { storage, lock } = world.platform;
    const state = { isFreezing: false, thaw: () => undefined as unknown, answer: () => undefined as unknown };
    const presented: string[] = [];
    const refresh: RefreshTokens = async ({ refreshToken = '', target }) => {
      const number = presented.push(refreshToken);
      await new Promise((resolve) => Object.assign(state, { answer: resolve }));
      const granted = target ? 'files' : 'own';
      return { access_token: `${granted}-${number}`, refresh_token: `r${number}`, expires_in: 600 };
    };
    const { tokens } = world.manager({
      refresh: Object.assign(refresh, { forTargets: true as const }),
      platform: {
        ...world.platform,
        lock: {
          run: (key, signal, task, options) =>
            state.isFreezing ? task({ signal: new AbortController().signal }) : lock.run(key, signal, task, options),
        },
        storage: {
          getItem: async (key) => {
            const { isFreezing } = state;
            state.isFreezing = false;
            const item = await storage.getItem(key);
            if (isFreezing) await new Promise((resolve) => Object.assign(state, { thaw: resolve }));
            return item;
          },
          setItem: (key, value) => storage.setItem(key, value),
          removeItem: (key) => storage.removeItem(key),
        },
      },
    });
    await world.run(tokens.startSession({ access_token: 'first', refresh_token: 'r0', expires_in: 600 }));
    state.isFreezing = true;
    return { ...world, tokens, presented, state };
  }

  test.each(['a refresh', 'an errand'])('presents each refresh token once: %s was frozen', async (what) => {
    const { clock, tokens, presented, state, stored } = await frozen();
    const source = forResource(tokens, { resource: 'https://files.test' });
    const work: (() => Promise<string>)[] = [() => tokens.replaceAccessToken('first'), () => source.getAccessToken()];
    if (what === 'an errand') work.reverse();
    const given: (string | undefined)[] = [];
    for (const [at, start] of work.entries()) {
      void start()
        .catch((error) => error.code)
        .then((came) => {
          given[at] = came;
        });
      await clock.settle();
    }
    expect(presented).toEqual(['r0']);
    // what was frozen goes on beside the request of the one who has the lock by now
    state.thaw();
    await clock.settle();
    expect(presented).toEqual(['r0']);
    state.answer();
    await clock.settle();
    const again = what === 'a refresh' ? tokens.replaceAccessToken('first') : undefined;
    await clock.settle();
    expect(presented).toEqual(['r0', 'r1']);
    state.answer();
    await clock.settle();
    const expected = again ? ['ERR_LOCK_LOST', 'files-1'] : ['files-2', 'own-1'];
    expect([...given, await again]).toEqual([...expected, again && 'own-2']);
    expect(JSON.parse(stored.get(KEY) ?? '')).toMatchObject({ refreshToken: 'r2', unanswered: false });
  });
});

test('a record that a newer version wrote in mid-session is not overwritten by a refresh', async () => {
  const { tokens, world, clock, stored, server, seen } = await signedIn();
  const newer = (stored.get(KEY) ?? '').replace(/"evertoken":\d+/, '"evertoken":999');
  stored.set(KEY, newer);
  await clock.advance(LIFETIME);
  expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
  await clock.advance(LIFETIME);
  expect(stored.get(KEY)).toBe(newer);
  expect(server.tokenRequests).toHaveLength(0);
  expect(seen('sessionEnded')).toEqual([]);
});
