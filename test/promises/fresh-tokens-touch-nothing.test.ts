import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type Platform } from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { createWorld, json } from '../support/promise-world.js';

function counted(platform: Platform, counts: Record<string, number>): Platform {
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  return {
    storage: {
      getItem: (key) => {
        count('getItem');
        return platform.storage.getItem(key);
      },
      setItem: (key, value, options) => {
        count('setItem');
        return platform.storage.setItem(key, value, options);
      },
      removeItem: (key) => {
        count('removeItem');
        return platform.storage.removeItem(key);
      },
    },
    lock: {
      run: (key, signal, task, options) => {
        count('lock');
        return platform.lock.run(key, signal, task, options);
      },
    },
    channel: {
      announce: (key) => {
        count('announce');
        return platform.channel.announce(key);
      },
      subscribe: (key, listener) => {
        count('listen');
        return platform.channel.subscribe(key, listener);
      },
    },
    wakeups: {
      subscribe: (listener) => {
        count('wakeups');
        return platform.wakeups.subscribe(listener);
      },
      isAwake: () => platform.wakeups.isAwake(),
      isOnline: () => platform.wakeups.isOnline(),
    },
    clock: {
      now: () => platform.clock.now(),
      after: (ms, task, options) => {
        count('after');
        return platform.clock.after(ms, task, options);
      },
    },
    random: () => {
      count('random');
      return platform.random();
    },
  };
}

test.each([
  ['proactive', true],
  ['not proactive', false],
])('a fresh access token touches nothing of the platform (%s)', async (_, proactive) => {
  const clock = fakeClock();
  const server = createAuthServer({ clock });
  const counts: Record<string, number> = {};
  const tokens = createTokenManager({
    refresh: async () => json({}),
    platform: counted({ ...inProcess(), clock }, counts),
    proactive,
  });
  const { access_token } = server.signIn();
  await tokens.startSession({ access_token, expires_in: 3600, refresh_token: 'r' });
  await clock.settle();
  for (const key of Object.keys(counts)) delete counts[key];
  const signal = new AbortController().signal;
  for (const options of [undefined, {}, { signal }, { minValidityMs: 60_000 }, { signal: undefined }]) {
    for (let index = 0; index < 10; index++) expect(await tokens.getAccessToken(options)).toBe(access_token);
  }
  await clock.settle();
  expect(counts).toEqual({});
});

test('a fresh access token is there within one promise job', async () => {
  const { tokens, server } = createWorld();
  await tokens.startSession(server.signIn());
  let got: string | undefined;
  void tokens.getAccessToken().then((token) => {
    got = token;
  });
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  expect(got).toBeDefined();
});
