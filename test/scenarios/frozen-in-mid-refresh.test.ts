import { describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, type Platform, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, type Peer, peers } from '../../src/testing.js';

const LIFETIME = 600_000;
const TIMEOUT = 10_000;
/** The lock is waited for this long; a holder past that age counts as dead. */
const PATIENCE = TIMEOUT + 5_000;

type Blow = (holder: Peer) => void;
const blows: [string, Blow][] = [
  ['freezes', (holder) => holder.freeze()],
  ['dies', (holder) => holder.crash()],
];

/** Several peers that know one session, whose token has expired. */
async function household(count: 2 | 4, reuseWindowMs: number) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME, reuseWindowMs, answerDelayMs: 200 });
  const all = peers(count, { clock, random: () => 0.5, fences: true });
  const moments: { onMoment?: (index: number) => void; met: string[] } = { met: [] };
  const reach = (name: string) => {
    moments.met.push(name);
    moments.onMoment?.(moments.met.length - 1);
  };
  const managers = all.map((peer, index) => {
    peer.storageFault = () => ({ delayMs: 20 });
    const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
    const tokens = createTokenManager({
      platform: index === 0 ? watched(peer.platform, reach) : peer.platform,
      refresh: (request) => {
        if (index === 0) reach('refresh called');
        return peer.through(() => endpoint(request));
      },
      timeoutMs: TIMEOUT,
      proactive: false,
    });
    onTestFinished(() => tokens.dispose());
    return tokens;
  });
  const [holder] = all as readonly Peer[];
  const [first, ...others] = managers as readonly TokenManager[];
  if (!holder || !first) throw new Error('nobody there');
  await clock.runUntil(first.startSession(server.signIn()));
  for (const tokens of others) await clock.runUntil(tokens.getAccessToken());
  await clock.advance(LIFETIME);
  moments.met.length = 0;
  return { clock, server, holder, first, others, moments };
}

/** Names each call of a port, and each time one settles. */
function watched(platform: Platform, reach: (name: string) => void): Platform {
  const { storage, lock } = platform;
  const around = async <T>(name: string, work: () => T | PromiseLike<T>): Promise<T> => {
    reach(name);
    const result = await work();
    reach(`${name} settled`);
    return result;
  };
  return {
    ...platform,
    storage: {
      getItem: (key) => around('getItem', () => storage.getItem(key)),
      setItem: (key, value, options) => around('setItem', () => storage.setItem(key, value, options)),
      removeItem: (key, options) => around('removeItem', () => storage.removeItem(key, options)),
    },
    lock: {
      run: (key, signal, task, options) =>
        around('lock', () =>
          lock.run(
            key,
            signal,
            (lease) => {
              reach('lock granted');
              return task(lease);
            },
            options,
          ),
        ),
    },
  };
}

/** Strikes the refreshing peer at one moment; undefined when the refresh has fewer moments. */
async function strike(at: number, blow: Blow, count: 2 | 4, reuseWindowMs: number) {
  const home = await household(count, reuseWindowMs);
  const { clock, holder, first, others, moments } = home;
  let struckAt: number | undefined;
  moments.onMoment = (index) => {
    if (index !== at) return;
    struckAt = clock.now();
    blow(holder);
  };
  void first.getAccessToken().catch(() => undefined);
  await clock.advance(1_000);
  if (struckAt === undefined) return undefined;
  const from = struckAt;
  const outcomes = await clock.runUntil(
    Promise.all(
      others.map((tokens) =>
        tokens.getAccessToken().then(
          (token) => ({ token, error: undefined, waitedMs: clock.now() - from }),
          (error: Error & { code: string }) => ({ token: undefined, error, waitedMs: clock.now() - from }),
        ),
      ),
    ),
  );
  return { ...home, outcomes, where: `${moments.met[at]} (${at})` };
}

describe.each(blows)('a peer that %s at any moment of a refresh, the lock in its hands', (_, blow) => {
  test('delays the others by the time for the lock and one request at most; with a reuse window all go on', async () => {
    const met: string[] = [];
    for (let at = 0; ; at++) {
      const struck = await strike(at, blow, 4, 60_000);
      if (!struck) break;
      const { outcomes, server, where } = struck;
      met.push(where);
      for (const { token, error, waitedMs } of outcomes) {
        expect(error, where).toBeUndefined();
        expect(server.inspect(token ?? '')?.active, where).toBe(true);
        expect(waitedMs, where).toBeLessThanOrEqual(PATIENCE + TIMEOUT);
      }
      expect(new Set(outcomes.map(({ token }) => token)).size, where).toBe(1);
      // those who wait take over one at a time, never as a crowd
      expect(server.tokenRequests.length, where).toBeLessThanOrEqual(2);
      expect(server.counts.reusesDetected, where).toBe(0);
    }
    expect(met.length).toBeGreaterThanOrEqual(10);
  });

  test('delays the others by that at most, however strict the server: they are served or told, and agree', async () => {
    for (let at = 0; ; at++) {
      const struck = await strike(at, blow, 4, 0);
      if (!struck) break;
      const { outcomes, server, where } = struck;
      for (const { token, error, waitedMs } of outcomes) {
        if (error) expect(error.code, where).toMatch(/^(ERR_SESSION_LOST|ERR_NO_SESSION)$/);
        else expect(server.inspect(token ?? '')?.active, where).toBe(true);
        expect(waitedMs, where).toBeLessThanOrEqual(PATIENCE + TIMEOUT);
      }
      expect(new Set(outcomes.map(({ token }) => token)).size, where).toBe(1);
      expect(server.tokenRequests.length, where).toBeLessThanOrEqual(2);
      // a session ends only if its rotated token was lost on the way
      if (server.counts.reusesDetected === 0) expect(outcomes[0]?.error, where).toBeUndefined();
    }
  });
});

test('a frozen peer that thaws finds what the others have done, and spoils nothing', async () => {
  for (let at = 0; ; at++) {
    const struck = await strike(at, (holder) => holder.freeze(), 2, 60_000);
    if (!struck) break;
    const { clock, holder, first, others, server, where } = struck;
    holder.thaw();
    await clock.advance(60_000);
    const token = await clock.runUntil(first.getAccessToken());
    expect(server.inspect(token)?.active, where).toBe(true);
    for (const tokens of others) {
      await clock.runUntil(tokens.refresh());
      expect(server.inspect(await clock.runUntil(tokens.getAccessToken()))?.active, where).toBe(true);
    }
    await clock.runUntil(first.refresh());
    expect(server.counts.reusesDetected, where).toBe(0);
    expect(first.getSnapshot().sessionId, where).toBe(others[0]?.getSnapshot().sessionId);
  }
});

test('a lock that nobody ever gives back costs callers the bound, and says so', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
  const [peer] = peers(1, { clock });
  let isStuck = false;
  const lock: Platform['lock'] = {
    run: (key, signal, task, options) =>
      isStuck
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        : peer.platform.lock.run(key, signal, task, options),
  };
  const tokens = createTokenManager({
    platform: { ...peer.platform, lock },
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    proactive: false,
    retry: { attempts: 1, minDelayMs: 500, maxDelayMs: 60_000 },
  });
  await clock.runUntil(tokens.startSession(server.signIn()));
  isStuck = true;
  await clock.advance(LIFETIME);
  const from = clock.now();
  const error = await clock.runUntil(tokens.getAccessToken().catch((reason) => reason));
  expect(error).toMatchObject({ name: 'LockError', code: 'ERR_LOCK_TIMEOUT' });
  expect(error.retryAt).toBeGreaterThanOrEqual(clock.now());
  expect(clock.now() - from).toBe(PATIENCE);
  expect(tokens.getSnapshot().status).toBe('active');
  isStuck = false;
  await clock.advanceTo(error.retryAt);
  expect(server.inspect(await clock.runUntil(tokens.getAccessToken()))?.active).toBe(true);
  tokens.dispose();
});
