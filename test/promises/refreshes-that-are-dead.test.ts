import { expect, test } from 'vitest';
import { inProcessLock } from '../../src/adapters/in-process-lock.js';
import { createTokenManager, inProcess, type TokenManagerOptions } from '../../src/index.js';
import { forResource } from '../../src/integrations/oauth.js';
import { fakeClock } from '../../src/testing.js';

const MINUTE = 60_000;
const SOON = 5 * MINUTE;

/**
 * A worker at the edge: when its answer is out, whatever waits for the refresh function, the storage or a timer never goes
 * on. `cut()` is that moment; what begins after it goes on.
 */
function edge(options: Partial<TokenManagerOptions> = {}, background?: boolean) {
  const clock = fakeClock();
  let life = 0;
  const alive = async <T>(work: () => T | PromiseLike<T>): Promise<T> => {
    const own = life;
    const outcome = Promise.resolve().then(work);
    await outcome.catch(() => undefined);
    return own === life ? outcome : new Promise<never>(() => undefined);
  };
  const mortal = {
    now: () => clock.now(),
    after: (ms: number, task: () => void, timer: { keepAlive?: boolean } = {}) => {
      const own = life;
      return clock.after(ms, () => (own === life ? task() : undefined), timer);
    },
  };
  const wait = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const platform = inProcess();
  const { storage } = platform;
  const state = { requests: 0, storageMs: 0, isFull: false, isUnreadable: false };
  const presented: (string | undefined)[] = [];
  /** Refresh tokens whose answer reached the manager. */
  const answered = new Set<string | undefined>();
  const call = <T>(work: () => T | PromiseLike<T>): Promise<T> =>
    alive(async () => {
      if (state.storageMs > 0) await wait(state.storageMs);
      return work();
    });
  const refresh: TokenManagerOptions['refresh'] = ({ refreshToken }) =>
    alive(async () => {
      const number = ++state.requests;
      const own = life;
      presented.push(refreshToken);
      expect(answered).not.toContain(refreshToken);
      await wait(100);
      if (own === life) answered.add(refreshToken);
      return { access_token: `at-${number}`, refresh_token: `rt-${number}`, expires_in: 600 };
    });
  const tokens = createTokenManager({
    refresh: Object.assign(refresh, { forTargets: true as const }),
    platform: {
      ...platform,
      ...(background !== undefined && { background }),
      clock: mortal,
      lock: inProcessLock(mortal),
      storage: {
        getItem: (key) =>
          call(() => (state.isUnreadable ? Promise.reject(new Error('unreadable')) : storage.getItem(key))),
        setItem: (key, value) =>
          call(() => (state.isFull ? Promise.reject(new Error('full')) : storage.setItem(key, value))),
        removeItem: (key) => call(() => storage.removeItem(key)),
      },
    },
    proactive: false,
    ...options,
  });
  const cut = () => void life++;
  const stored = () => storage.getItem('evertoken:session') as string | null;
  const write = (text: string) => storage.setItem('evertoken:session', text);
  const announce = () => platform.channel.announce('evertoken:session');
  return { tokens, clock, state, stored, write, announce, cut, presented };
}

async function expired() {
  const home = edge();
  await home.tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 1 });
  await home.clock.advance(1_000);
  home.state.storageMs = 20;
  return home;
}

test('a refresh that was cut off, at whatever moment, blocks no caller that comes after its bound', async () => {
  for (let at = 0; at <= 200; at += 5) {
    const { tokens, clock, cut } = await expired();
    void tokens.getAccessToken().catch(() => undefined);
    await clock.advance(at);
    cut();
    await clock.advance(SOON);
    await expect(clock.runUntil(tokens.getAccessToken()), `cut at ${at}`).resolves.toMatch('at-');
    tokens.dispose();
  }
});

test.each([10 * MINUTE, 60 * MINUTE, 7 * 24 * 60 * MINUTE])(
  'a refresh that was cut off blocks none that is asked for later, though the clock has been set back by %i ms since',
  async (backMs) => {
    for (let at = 0; at <= 200; at += 20) {
      const { tokens, clock, cut } = await expired();
      void tokens.getAccessToken().catch(() => undefined);
      await clock.advance(at);
      cut();
      clock.set(clock.now() - backMs);
      await clock.advance(SOON);
      await clock.runUntil(tokens.refresh());
      await expect(clock.runUntil(tokens.getAccessToken()), `cut at ${at}`).resolves.toMatch('at-');
      tokens.dispose();
    }
  },
);

test('tokens whose write was cut off are not lost: the next refresh goes on with the refresh token that came with them', async () => {
  for (let at = 145; at < 160; at += 5) {
    const { tokens, clock, state, cut, stored, presented } = await expired();
    void tokens.getAccessToken().catch(() => undefined);
    await clock.advance(at);
    cut();
    state.isFull = true; // the write is lost as well
    await clock.advance(100);
    state.isFull = false;
    await clock.advance(SOON);
    await expect(clock.runUntil(tokens.getAccessToken()), `cut at ${at}`).resolves.toBe('at-2');
    expect(presented).toEqual(['rt', 'rt-1']);
    await clock.advance(1_000);
    expect(stored()).toContain('at-2');
    tokens.dispose();
  }
});

test('a caller that comes within the bound of a refresh that was cut off is served when that is over', async () => {
  const { tokens, clock, cut } = await expired();
  void tokens.getAccessToken().catch(() => undefined);
  await clock.advance(60);
  cut();
  await clock.advance(5_000);
  const beganAt = clock.now();
  const caller = tokens.getAccessToken();
  await expect(clock.runUntil(caller)).resolves.toMatch('at-');
  expect(clock.now() - beganAt).toBeLessThan(SOON);
  tokens.dispose();
});

test('what waited for a refresh that was cut off does not ask during a pause that a server has named to a peer', async () => {
  const { tokens, clock, state, cut, stored, announce, write } = await expired();
  void tokens.getAccessToken().catch(() => undefined);
  await clock.advance(100);
  cut();
  await clock.advance(1_000);
  // an errand of the peer was told to wait
  const retryAt = clock.now() + 60 * MINUTE;
  const failure = { code: 'ERR_REFRESH_UNAVAILABLE', status: 503, retryAt, named: true, count: 1 };
  write(JSON.stringify({ ...JSON.parse(stored() ?? ''), notes: 1, others: {}, failure }));
  announce();
  await clock.advance(SOON);
  const { requests } = state;
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ retryAt });
  expect(state.requests).toBe(requests);
  tokens.dispose();
});

test('a first read that was cut off blocks no caller that comes after its bound', async () => {
  for (const isCookie of [false, true]) {
    const { tokens, clock, state, cut } = edge(isCookie ? { refreshTokenIn: 'cookie' } : {});
    state.storageMs = 100;
    void tokens.getAccessToken().catch(() => undefined);
    await clock.advance(50);
    cut();
    await clock.advance(SOON);
    const token = clock.runUntil(tokens.getAccessToken());
    if (isCookie) await expect(token).resolves.toMatch('at-');
    else await expect(token).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    tokens.dispose();
  }
});

test('a cookie that was being asked about when the work was cut off is asked about again', async () => {
  const { tokens, clock, cut } = edge({ refreshTokenIn: 'cookie' });
  void tokens.getAccessToken().catch(() => undefined);
  await clock.advance(50);
  cut();
  await clock.advance(SOON);
  await expect(clock.runUntil(tokens.getAccessToken())).resolves.toMatch('at-');
  tokens.dispose();
});

test('a sign-in that was cut off keeps nobody from signing in, nor the session from being refreshed', async () => {
  const { tokens, clock, cut } = await expired();
  void tokens.startSession({ access_token: 'other', refresh_token: 'other', expires_in: 600 }).catch(() => undefined);
  await clock.advance(30);
  cut();
  await clock.advance(SOON);
  await clock.runUntil(tokens.getAccessToken().catch(() => undefined)); // the storage may hold the other session by now
  await expect(clock.runUntil(tokens.getAccessToken())).resolves.toBeTypeOf('string');
  await clock.runUntil(tokens.startSession({ access_token: 'next', refresh_token: 'next', expires_in: 600 }));
  await expect(clock.runUntil(tokens.getAccessToken())).resolves.toBe('next');
  tokens.dispose();
});

test('a machine that slept in mid-refresh hears the answer of that refresh, and asks no second time', async () => {
  for (let at = 0; at <= 200; at += 10) {
    const { tokens, clock, state } = await expired();
    const early = tokens.getAccessToken();
    await clock.advance(at);
    clock.sleep(8 * 60 * MINUTE);
    const late = tokens.getAccessToken({ minValidityMs: 1 });
    await clock.runUntil(Promise.all([early, late]));
    expect(state.requests, `asleep at ${at}`).toBeLessThanOrEqual(2);
    tokens.dispose();
  }
});

test('the end of a session whose sign-out was cut off is told before another session starts', async () => {
  const { tokens, clock, cut } = edge();
  const told: string[] = [];
  tokens.on('sessionStarted', ({ from }) => told.push(`started: ${from}`));
  tokens.on('sessionEnded', ({ reason }) => told.push(`ended: ${reason}`));
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
  void tokens.endSession();
  cut();
  await clock.advance(SOON);
  await clock.runUntil(tokens.startSession({ access_token: 'at2', refresh_token: 'rt2', expires_in: 600 }));
  expect(told).toEqual(['started: sign-in', 'ended: ended', 'started: sign-in']);
  tokens.dispose();
});

test('a sign-out that was cut off keeps nobody from signing out, and what it left in the storage goes', async () => {
  const { tokens, clock, state, stored, cut } = edge();
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
  state.storageMs = 20;
  void tokens.endSession().catch(() => undefined);
  await clock.advance(10);
  cut();
  await clock.advance(1_000);
  await clock.runUntil(tokens.endSession());
  await clock.advance(SOON);
  expect(stored()).toBe(null);
  tokens.dispose();
});

test.each([10_000, SOON])('the repair of a write that was cut off is made up for by a read %d ms later', async (ms) => {
  const { tokens, clock, state, stored, announce, cut } = edge();
  state.isFull = true;
  await clock.runUntil(tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 }));
  cut();
  state.isFull = false;
  await clock.advance(ms);
  expect(stored()).toBe(null);
  announce(); // a peer has changed something
  await clock.advance(10_000);
  expect(stored()).toMatch('rt');
  tokens.dispose();
});

const FILES = 'https://files.test';

test.each([
  ['the clock goes on', FILES, SOON],
  ['the clock is set back', FILES, -2 * 60 * MINUTE],
  ['the clock goes on, with another target', 'https://mail.test', SOON],
  ['the clock is set back, with another target', 'https://mail.test', -2 * 60 * MINUTE],
])('an errand that was cut off blocks no caller that comes after its bound: %s', async (_, resource, ms) => {
  for (let at = 0; at <= 200; at += 5) {
    const { tokens, clock, cut } = await expired();
    const files = forResource(tokens, { resource: FILES });
    const source = resource === FILES ? files : forResource(tokens, { resource });
    void files.getAccessToken().catch(() => undefined);
    await clock.advance(at);
    cut();
    clock.set(clock.now() + ms);
    // After a clock was set back, the lock may still be kept: that is said within its own bound.
    const came = clock.runUntil(source.getAccessToken()).catch((error) => String(error.code));
    expect(await came, `cut at ${at}`).toMatch(ms > 0 ? /^at-/ : /^(at-|ERR_LOCK_TIMEOUT)/);
    tokens.dispose();
  }
});

test.each([
  ['behind', 'https://mail.example'],
  ['for', FILES],
])('a caller who waits %s an errand that was cut off is served once that is dead by the clock', async (_, resource) => {
  const { tokens, clock, cut } = await expired();
  const files = forResource(tokens, { resource: FILES });
  void files.getAccessToken().catch(() => undefined);
  await clock.advance(60);
  cut();
  await clock.advance(5_000);
  const beganAt = clock.now();
  const caller = (resource === FILES ? files : forResource(tokens, { resource })).getAccessToken();
  await expect(clock.runUntil(caller)).resolves.toMatch('at-');
  expect(clock.now() - beganAt).toBeLessThan(SOON);
  tokens.dispose();
});

test('a sign-in that was cut off does not come back to life when a clock that was set back comes by again', async () => {
  const { tokens, clock, state, cut } = edge();
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
  state.storageMs = 20;
  void tokens.startSession({ access_token: 'other', refresh_token: 'rt-other' }).catch(() => undefined);
  await clock.advance(5);
  cut();
  const cutAt = clock.now();
  clock.set(cutAt - 10 * MINUTE);
  await clock.runUntil(tokens.refresh());
  await clock.advance(cutAt - clock.now());
  const before = clock.now();
  await clock.runUntil(tokens.refresh());
  expect(clock.now() - before, 'nobody waits for what is long gone').toBeLessThan(1_000);
});

test('whoever waits for the end of a session that was cut off is served once a clock that was set back makes its token good again', async () => {
  const { tokens, clock, state, cut } = edge();
  await tokens.startSession({ access_token: 'at', expires_in: 600 });
  state.storageMs = 20;
  await clock.advance(10 * MINUTE);
  void tokens.getAccessToken().catch(() => undefined);
  await clock.advance(5); // in the middle of the look that comes before the end
  cut();
  const waiting = tokens.getAccessToken();
  await clock.settle();
  clock.set(clock.now() - 10 * MINUTE);
  await clock.advance(SOON);
  await expect(clock.runUntil(waiting)).resolves.toBe('at');
});

test('where work ends with the answer, what takes the place of a refresh that was cut off is not sent behind a token that was served', async () => {
  const { tokens, clock, state, cut } = edge({ leewayMs: SOON }, false);
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
  await clock.advance(SOON);
  state.storageMs = 20;
  void tokens.getAccessToken().catch(() => undefined);
  await clock.advance(5);
  cut();
  await clock.advance(2 * MINUTE);
  await expect(clock.runUntil(tokens.getAccessToken())).resolves.toBe('at');
  await clock.advance(MINUTE);
  expect(state.requests, 'nobody waits for it').toBe(0);
});

test('a refresh() does not join a sign-in that was cut off, though another refresh is under way by then', async () => {
  const { tokens, clock, state, cut } = edge({ refreshTokenIn: 'cookie' });
  state.storageMs = 20;
  void tokens.startSession().catch(() => undefined);
  await clock.advance(5);
  cut();
  await clock.advance(2 * MINUTE);
  state.isUnreadable = true;
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  state.isUnreadable = false;
  void tokens.getAccessToken();
  while (state.requests === 0) await clock.advance(10);
  let isOver = false;
  void tokens.refresh().then(() => {
    isOver = true;
  });
  await clock.advance(SOON);
  expect(isOver).toBe(true);
});

test('where work ends with the answer, whoever asks for a token that outlives an upload is not told the short one in place of a request', async () => {
  const { tokens, clock, state, cut } = edge({}, false);
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 600 });
  await clock.advance(3 * MINUTE);
  state.storageMs = 20;
  void tokens.getAccessToken({ minValidityMs: 9 * MINUTE }).catch(() => undefined);
  await clock.advance(5);
  cut();
  await clock.advance(2 * MINUTE);
  const before = state.requests;
  const upload = tokens.getAccessToken({ minValidityMs: 9 * MINUTE });
  expect(await clock.runUntil(upload)).not.toBe('at');
  expect(state.requests).toBeGreaterThan(before);
});
