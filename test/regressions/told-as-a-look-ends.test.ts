import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('what a peer tells is heard at every moment, also as a look at the storage comes to its end', async () => {
  for (let jobs = 0; jobs < 60; jobs++) {
    const clock = fakeClock();
    const { storage, ...others } = inProcess();
    let tell = (): void => undefined;
    const channel = {
      announce: () => undefined,
      subscribe: (_: string, listener: () => void) => {
        tell = listener;
        return () => undefined;
      },
    };
    const tokens = createTokenManager({
      refresh: () => Promise.reject(new Error('not asked for')),
      platform: { ...others, storage, channel, clock },
      proactive: false,
    });
    await tokens.startSession({ access_token: 'access', refresh_token: 'refresh' });
    await clock.settle();
    tell();
    for (let job = 0; job < jobs; job++) await undefined;
    await storage.removeItem('evertoken:session');
    tell();
    await clock.settle();
    expect(tokens.getSnapshot().status, `after ${jobs} jobs`).toBe('none');
  }
});
