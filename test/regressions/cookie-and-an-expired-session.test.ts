import { expect, test } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

test('whoever waits for a cookie is served although a peer has meanwhile stored a session that has expired', async () => {
  const clock = fakeClock();
  const [ours, other] = peers(2, { clock });
  let requests = 0;
  const open = ({ platform }: typeof ours) =>
    createTokenManager({
      refresh: async () => ({ access_token: `access-${++requests}`, expires_in: 60 }),
      refreshTokenIn: 'cookie',
      proactive: false,
      platform,
    });
  const starter = open(other);
  other.storageFault = (operation) => (operation === 'setItem' ? { delayMs: 3_000 } : undefined);
  const starting = starter.startSession({ access_token: 'short', expires_in: 2 });
  await clock.advance(100);
  const token = open(ours).getAccessToken(); // nothing is stored yet, and the lock is taken
  await clock.advance(100);
  let reads = 0;
  ours.storageFault = () => ({ delayMs: ++reads === 1 ? 500 : 100 }); // the look at what was announced is the faster one
  await clock.advance(60_000);
  await starting;
  const outcome = await Promise.race([token, Promise.resolve('still waiting')]);
  expect(outcome).toBe('access-1');
  expect(requests).toBe(1);
});

test('nor is anybody forgotten who waits for a cookie while a sign-in waits too long for the lock', async () => {
  const clock = fakeClock();
  const [{ platform }] = peers(1, { clock });
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'access', expires_in: 60 }),
    refreshTokenIn: 'cookie',
    proactive: false,
    platform,
  });
  const stuck = () => new Promise<void>((resolve) => clock.after(30_000, resolve));
  void platform.lock.run('evertoken:session', new AbortController().signal, stuck);
  await clock.settle();
  const token = tokens.getAccessToken();
  await clock.settle();
  const starting = tokens.startSession({ access_token: 'short', expires_in: 5 });
  await clock.advance(60_000);
  await starting;
  expect(await Promise.race([token, Promise.resolve('still waiting')])).toBe('access');
});
