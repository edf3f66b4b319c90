import { expect, test } from 'vitest';
import { createTokenManager, type RefreshTokens, type TokenManagerOptions } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

const ada = { access_token: 'access-ada', refresh_token: 'refresh-ada' };
const bob = { access_token: 'access-bob', refresh_token: 'refresh-bob' };
const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
const refresh: RefreshTokens = async () => ({ access_token: 'access-2', refresh_token: 'refresh-2' });

/** One tab, whose storage and lock may misbehave. */
function home(options: Partial<TokenManagerOptions> = {}) {
  const clock = fakeClock();
  const [peer] = peers(1, { clock });
  const lock = { isBroken: false };
  const run: typeof peer.platform.lock.run = (...call) =>
    lock.isBroken ? Promise.reject(new Error('broken')) : peer.platform.lock.run(...call);
  const platform = { ...peer.platform, lock: { run } };
  const tokens = createTokenManager({ refresh, proactive: false, platform, ...options });
  return { clock, peer, lock, tokens };
}

test('a sign-in that is written long after its sign-out does not stay in the storage', async () => {
  const { clock, peer, tokens } = home();
  peer.storageFault = (operation) => (operation === 'setItem' ? { delayMs: 8_000 } : undefined);
  const starting = tokens.startSession(ada);
  await clock.advance(5_100); // the write was given up, but not by the storage
  await starting;
  peer.storageFault = undefined;
  await clock.runUntil(tokens.endSession());
  await clock.advance(600_000);
  expect(peer.items.size).toBe(0);
});

test('nor do new tokens that are written long after the sign-out', async () => {
  const { clock, peer, tokens } = home();
  await clock.runUntil(tokens.startSession(ada));
  let writes = 0;
  peer.storageFault = (operation) => (operation === 'setItem' && ++writes === 2 ? { delayMs: 20_000 } : undefined);
  await clock.runUntil(tokens.refresh());
  peer.storageFault = undefined;
  await clock.runUntil(tokens.endSession());
  await clock.advance(600_000);
  expect(peer.items.size).toBe(0);
});

test('a session that is removed long after its end does not take the next one with it', async () => {
  const { clock, peer, tokens } = home();
  await clock.runUntil(tokens.startSession(ada));
  peer.storageFault = (operation) => (operation === 'removeItem' ? { delayMs: 8_000 } : undefined);
  await quietly(clock.runUntil(tokens.endSession()));
  peer.storageFault = undefined;
  await clock.runUntil(tokens.startSession(bob));
  await clock.advance(600_000);
  peer.wake();
  await clock.advance(100);
  expect(await clock.runUntil(tokens.getAccessToken())).toBe('access-bob');
  expect([...peer.items.values()].join()).toContain('refresh-bob');
});

test('nor does it while the storage is being read', async () => {
  const { clock, peer, tokens } = home();
  await clock.runUntil(tokens.startSession(ada));
  peer.storageFault = (operation) => (operation === 'removeItem' ? { delayMs: 8_000 } : undefined);
  await quietly(clock.runUntil(tokens.endSession()));
  peer.storageFault = undefined;
  await clock.runUntil(tokens.startSession(bob));
  await clock.advance(2_500);
  peer.storageFault = (operation) => (operation === 'getItem' ? { delayMs: 1_000 } : undefined);
  peer.wake();
  await clock.advance(600_000);
  expect(await clock.runUntil(tokens.getAccessToken())).toBe('access-bob');
  expect([...peer.items.values()].join()).toContain('refresh-bob');
});

test.each(['getItem', 'setItem'])(
  'a sign-out that does not get the lock wins although tokens are being stored again just then (%s)',
  async (slow) => {
    const { clock, peer, lock, tokens } = home();
    await clock.runUntil(tokens.startSession(ada));
    peer.storageFault = (operation) => (operation === 'setItem' ? { error: new Error('full') } : undefined);
    await clock.runUntil(tokens.refresh());
    peer.storageFault = (operation) => (operation === slow ? { delayMs: 3_000 } : undefined);
    await clock.advance(1_500); // storing them again has begun
    lock.isBroken = true;
    await expect(clock.runUntil(tokens.endSession())).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    lock.isBroken = false;
    await clock.advance(600_000);
    expect(peer.items.size).toBe(0);
  },
);
