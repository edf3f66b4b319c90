import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type Platform, type TokenManagerOptions } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

/**
 * A session whose first write was given up and is still on its way, where an older session of a peer has been stored
 * meanwhile. `arrive()`: it comes through. What is read is what was there 20 ms before.
 */
async function late(refresh: TokenManagerOptions['refresh']) {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, random: () => 0.5 };
  const { storage } = platform;
  const manager = (setItem: Platform['storage']['setItem']) =>
    createTokenManager({
      refresh,
      proactive: false,
      platform: {
        ...platform,
        storage: {
          ...storage,
          getItem: async (key) => {
            const text = await storage.getItem(key);
            await new Promise<void>((done) => clock.after(20, done));
            return text;
          },
          setItem,
        },
      },
    });
  let isFull = true;
  let arrive: (() => void) | undefined;
  const peer = manager(async (key, text) => {
    if (isFull) throw new Error('full');
    return storage.setItem(key, text);
  });
  const tokens = manager(async (key, text) => {
    if (arrive) throw new Error('full');
    await new Promise<void>((done) => {
      arrive = done;
    });
    arrive = undefined;
    return storage.setItem(key, text);
  });
  await clock.runUntil(Promise.all([peer.ready(), tokens.ready()]));
  await clock.runUntil(peer.startSession({ access_token: 'peer', refresh_token: 'rt-peer', expires_in: 600 }));
  await clock.advance(1_000);
  await clock.runUntil(tokens.startSession({ access_token: 'ours', refresh_token: 'rt-ours', expires_in: 600 }));
  const { sessionId } = tokens.getSnapshot();
  const ends: string[] = [];
  tokens.on('sessionEnded', ({ reason }) => ends.push(reason));
  isFull = false;
  await clock.advance(60_000);
  expect(await storage.getItem('evertoken:session'), 'the older session is stored').toContain('rt-peer');
  expect(ends, 'which is known here').toEqual([]);
  return { clock, platform, tokens, sessionId, ends, arrive: () => arrive?.() };
}

const granted = async () => ({ access_token: 'new', refresh_token: 'rt-new', expires_in: 600 });

test.each([1, 5, 10, 15, 19])(
  'a session whose write comes through %i ms into the look of a refresh is not taken for one that was replaced',
  async (ms) => {
    const { clock, tokens, sessionId, ends, arrive } = await late(granted);
    const refreshing = tokens.refresh();
    await clock.advance(ms);
    arrive();
    await clock.runUntil(refreshing);
    expect(ends).toEqual([]);
    expect(tokens.getSnapshot().sessionId).toBe(sessionId);
    expect(await clock.runUntil(tokens.getAccessToken())).toBe('new');
  },
);

test('nor one whose write comes through while a refusal is being confirmed, which ends as what it is', async () => {
  const refused = async () => Response.json({ error: 'invalid_grant' }, { status: 400 });
  const { clock, tokens, ends, arrive } = await late(refused);
  const refreshing = tokens.refresh().catch((error: { code: string }) => error.code);
  await clock.advance(25); // the first look is over, and the second one under way
  arrive();
  expect(await clock.runUntil(refreshing)).toMatch(/ERR_SESSION_(REJECTED|LOST)/);
  expect(ends).not.toContain('peer');
});

test('nor one whose write comes through during the look after a lock that was not granted', async () => {
  const { clock, platform, tokens, sessionId, ends, arrive } = await late(granted);
  void platform.lock.run('evertoken:session', new AbortController().signal, () => new Promise(() => undefined), {
    holdMs: 600_000,
  });
  const refreshing = tokens.refresh().catch((error: { code: string }) => error.code);
  await clock.advance(15_000); // as long as a lock is waited for, and some milliseconds into the look
  for (let ms = 0; ms < 10; ms++) await clock.advance(1);
  arrive();
  expect(await clock.runUntil(refreshing)).toBe('ERR_LOCK_TIMEOUT');
  expect(ends).toEqual([]);
  expect(tokens.getSnapshot().sessionId).toBe(sessionId);
});
