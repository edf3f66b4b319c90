import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: { code?: string }) => error.code,
  );

test('ready() beside startSession() waits for it', async () => {
  const clock = fakeClock();
  const platform = inProcess();
  const { storage } = platform;
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'x' }),
    proactive: false,
    platform: {
      ...platform,
      clock,
      storage: {
        getItem: (key) => storage.getItem(key),
        setItem: (key, value) =>
          new Promise<void>((done) => clock.after(20, done)).then(() => storage.setItem(key, value)),
        removeItem: (key) => storage.removeItem(key),
      },
    },
  });
  const starting = tokens.startSession({ access_token: 'a', refresh_token: 'r' });
  const ready = tokens.ready();
  expect((await clock.runUntil(ready)).status).toBe('active');
  await clock.runUntil(starting);
});

test('a caller beside a sign-in that is ended gets nothing of the next one', async () => {
  const clock = fakeClock();
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'x' }),
    proactive: false,
    platform: { ...inProcess(), clock },
  });
  await clock.runUntil(tokens.ready());
  const first = outcome(tokens.startSession({ access_token: 'alice', refresh_token: 'r' }));
  const caller = outcome(tokens.getAccessToken());
  const end = tokens.endSession();
  const second = tokens.startSession({ access_token: 'bob', refresh_token: 'r2' });
  await clock.runUntil(Promise.all([first, end, second]));
  expect(await clock.runUntil(caller)).toBe('ERR_NO_SESSION');
});

test('nor does a caller of before it was known who is signed in', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const { getItem } = platform.storage;
  platform.storage.getItem = (key) => new Promise<void>((done) => clock.after(20, done)).then(() => getItem(key));
  const manager = () =>
    createTokenManager({ refresh: async () => ({ access_token: 'x' }), proactive: false, platform });
  await clock.runUntil(manager().startSession({ access_token: 'alice', refresh_token: 'r' }));
  const tokens = manager();
  const caller = outcome(tokens.getAccessToken());
  const end = tokens.endSession();
  const second = tokens.startSession({ access_token: 'bob', refresh_token: 'r2' });
  await clock.runUntil(Promise.all([end, second]));
  expect(await clock.runUntil(caller)).toBe('ERR_NO_SESSION');
});

test('a sign-in that is dead by the clock holds no caller beside it for ever', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const tokens = createTokenManager({ refresh: async () => ({ access_token: 'x' }), proactive: false, platform });
  await clock.runUntil(tokens.ready());
  const { after } = clock;
  platform.storage.setItem = () => new Promise(() => undefined);
  clock.after = () => () => undefined; // its timers were cancelled together with it
  void tokens.startSession({ access_token: 'alice', refresh_token: 'r' });
  await clock.settle();
  clock.after = after;
  expect(await clock.runUntil(outcome(tokens.getAccessToken()))).toBe('ERR_NO_SESSION');
});

test('a caller beside a sign-in is refused by dispose()', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  platform.storage.setItem = () => new Promise(() => undefined);
  const tokens = createTokenManager({ refresh: async () => ({ access_token: 'x' }), proactive: false, platform });
  await clock.runUntil(tokens.ready());
  tokens.startSession({ access_token: 'alice', refresh_token: 'r' }).catch(() => undefined);
  const caller = outcome(tokens.getAccessToken());
  await clock.settle();
  tokens.dispose();
  await clock.settle();
  expect(await caller).toBe('ERR_DISPOSED');
});

test('a caller beside a sign-in does not share the refusal of those who asked before it', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const { storage } = platform;
  const slowly = (ms: number) => new Promise<void>((done) => clock.after(ms, done));
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'x' }),
    proactive: false,
    platform: {
      ...platform,
      storage: {
        getItem: async (key) => slowly(20).then(() => storage.getItem(key)),
        setItem: async (key, value) => slowly(100).then(() => storage.setItem(key, value)),
        removeItem: (key) => storage.removeItem(key),
      },
    },
  });
  await clock.runUntil(tokens.ready());
  await clock.advance(5_000); // long enough for another look
  const before = outcome(tokens.getAccessToken());
  const starting = tokens.startSession({ access_token: 'alice', refresh_token: 'r' });
  const beside = outcome(tokens.getAccessToken());
  await clock.runUntil(starting);
  expect(await before).toBe('ERR_NO_SESSION');
  expect(await beside).toBe('alice');
});

describe('a caller beside a sign-in waits for it where the session held here has no token for it', () => {
  const platform = inProcess();
  const { storage } = platform;
  const callers = {
    'an expired one': [{ expires_in: 60 }, (tokens) => tokens.getAccessToken()],
    'one that does not live long enough': [
      { expires_in: 300 },
      (tokens) => tokens.getAccessToken({ minValidityMs: 600_000 }),
    ],
    'not the new one that is asked for': [
      { expires_in: 3_600 },
      async (tokens) => tokens.refresh().then(() => tokens.getAccessToken()),
    ],
  } satisfies Record<string, [object, (tokens: TokenManager) => Promise<string>]>;

  test.each(Object.entries(callers))('%s', async (_, [life, ask]) => {
    const clock = fakeClock();
    const slowly = () => new Promise<void>((done) => clock.after(100, done));
    const tokens = createTokenManager({
      refresh: async () => ({ access_token: 'bob', token_type: 'Bearer', expires_in: 3_600 }),
      proactive: false,
      platform: {
        ...platform,
        clock,
        storage: { ...storage, setItem: (key, value) => slowly().then(() => storage.setItem(key, value)) },
      },
    });
    await clock.runUntil(
      tokens.startSession({ access_token: 'alice', token_type: 'Bearer', refresh_token: 'r', ...life }),
    );
    await clock.advance(120_000);
    const starting = tokens.startSession({ access_token: 'bob', refresh_token: 'r2', expires_in: 3_600 });
    expect(await clock.runUntil(outcome(ask(tokens)))).toBe('bob');
    await clock.runUntil(starting);
  });
});
