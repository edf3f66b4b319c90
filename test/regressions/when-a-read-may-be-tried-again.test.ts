import { expect, test } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

test.each([
  ['hangs', { hang: true }],
  ['fails', { error: new Error('the keychain is locked') }],
])('a storage that %s at the start is told with the moment from which trying again helps', async (_, fault) => {
  const clock = fakeClock();
  const [peer] = peers(1, { clock });
  const tokens = createTokenManager({
    refresh: () => Promise.reject(new Error('nobody is signed in')),
    platform: peer.platform,
    proactive: false,
  });
  peer.storageFault = fault;

  const told = await clock.runUntil(tokens.getAccessToken().catch((error: unknown) => error));

  expect(told).toMatchObject({ code: 'ERR_STORAGE_READ', retryAt: clock.now() });
  expect(tokens.getSnapshot()).toMatchObject({ status: 'loading', error: told, retryAt: clock.now() });
  peer.storageFault = undefined;
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
});
