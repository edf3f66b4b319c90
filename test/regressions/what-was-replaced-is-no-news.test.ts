import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type RefreshTokens, type TokenManager } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

const KEY = 'evertoken:session';
const DAY = 86_400_000;
const ada = { access_token: 'access-ada', refresh_token: 'refresh-ada' };
const bob = { access_token: 'access-bob', refresh_token: 'refresh-bob' };

function home() {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, channel: { announce: () => undefined, subscribe: () => () => undefined } };
  const presented: (string | undefined)[] = [];
  const refresh: RefreshTokens = async ({ refreshToken }) => {
    presented.push(refreshToken);
    return { access_token: `access-of-${refreshToken}-${presented.length}` };
  };
  const tab = (storage = platform.storage): TokenManager =>
    createTokenManager({ refresh, platform: { ...platform, storage }, proactive: false });
  return { clock, platform, presented, tab };
}

test('a sign-in that never got the lock stays, although the storage still holds the session before it', async () => {
  const { clock, platform, tab } = home();
  const tokens = tab();
  await tokens.startSession(ada);
  let letGo = (): void => undefined;
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  void platform.lock.run(KEY, new AbortController().signal, () => stuck);
  await clock.runUntil(tokens.startSession(bob)); // in memory: storing it waits for the lock
  await expect(clock.runUntil(tokens.refresh())).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
  expect(await clock.runUntil(tokens.getAccessToken())).toBe('access-bob');
  letGo();
  await clock.advance(300_000);
  expect(await platform.storage.getItem(KEY)).toContain('refresh-bob');
});

test('nor does the session before it come back because another tab has refreshed that one since', async () => {
  const { clock, platform, presented, tab } = home();
  const { storage } = platform;
  let isFull = false;
  const setItem = (key: string, value: string) => {
    if (isFull) throw new Error('full');
    return storage.setItem(key, value);
  };
  const [ours, other] = [tab({ ...storage, setItem }), tab()];
  await ours.startSession(ada);
  await clock.runUntil(other.getAccessToken());
  isFull = true;
  clock.set(clock.now() - DAY); // so that the later session does not look like it
  await clock.runUntil(ours.startSession(bob));
  await clock.runUntil(other.refresh());
  await clock.runUntil(other.refresh());
  await clock.runUntil(ours.refresh());
  expect(presented.at(-1)).toBe('refresh-bob');
  expect(await clock.runUntil(ours.getAccessToken())).toMatch(/^access-of-refresh-bob/);
});

test('a tab that is about to sign somebody in follows the end of the session before', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const { storage } = platform;
  let isSlow = false;
  const setItem = async (key: string, value: string) => {
    if (isSlow) await new Promise<void>((resolve) => clock.after(3_000, resolve));
    return storage.setItem(key, value);
  };
  const tab = (own = platform): TokenManager =>
    createTokenManager({ refresh: () => Promise.reject(new Error('not asked for')), platform: own, proactive: false });
  // the write is what takes its time, and it has the lock by then: others get theirs from a lock of their own
  const [ours, other] = [
    tab({ ...platform, storage: { ...storage, setItem } }),
    tab({ ...platform, lock: inProcess().lock }),
  ];
  await ours.startSession(ada);
  await clock.runUntil(other.getAccessToken());
  isSlow = true;
  const starting = ours.startSession(bob);
  await clock.advance(1_000);
  await other.endSession();
  await clock.advance(100);
  expect(ours.getSnapshot().status).toBe('none');
  // whoever asks beside the sign-in waits for it
  const beside = ours.getAccessToken();
  await clock.runUntil(starting);
  expect(await clock.runUntil(beside)).toBe('access-bob');
  expect(await clock.runUntil(ours.getAccessToken())).toBe('access-bob');
});
