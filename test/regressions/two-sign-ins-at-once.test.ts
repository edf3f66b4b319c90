import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type Lock, LockError } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test.each([0, 1, 2, 4, 8, 16, 32])(
  'of two sign-ins in one moment the later one is kept, also where it gets no lock and the storage takes %i turns',
  async (turns) => {
    const clock = fakeClock();
    const platform = { ...inProcess(), clock };
    const { storage } = platform;
    const whileWritten: (() => void)[] = [];
    const slow = {
      ...storage,
      setItem: async (key: string, value: string) => {
        whileWritten.pop()?.();
        for (let turn = 0; turn < turns; turn++) await undefined;
        await storage.setItem(key, value);
      },
    };
    let grants = 0;
    const lock: Lock = {
      run: (key, signal, task, options) =>
        ++grants === 2
          ? Promise.reject(new LockError('ERR_LOCK_TIMEOUT', 'no lock'))
          : platform.lock.run(key, signal, task, options),
    };
    const tokens = createTokenManager({
      refresh: () => Promise.reject(new Error('not asked for')),
      platform: { ...platform, storage: slow, lock },
      proactive: false,
    });
    const sign = (user: string) => tokens.startSession({ access_token: user, refresh_token: `refresh-${user}` });
    let second: Promise<unknown> | undefined;
    whileWritten.push(() => {
      second = sign('bob');
    });
    const first = sign('ada');
    await clock.runUntil(first.catch(() => undefined));
    await clock.runUntil(second ?? Promise.reject(new Error('not begun')));
    await clock.advance(60_000);
    expect(await tokens.getAccessToken()).toBe('bob');
    expect(await storage.getItem('evertoken:session')).toContain('refresh-bob');
  },
);
