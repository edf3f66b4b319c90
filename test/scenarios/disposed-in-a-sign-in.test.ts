import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a sign-in by cookie that a dispose() cut short does not look at the storage again when it has failed', async () => {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const did: string[] = [];
  const tokens = createTokenManager({
    refreshTokenIn: 'cookie',
    proactive: false,
    refresh: async () => {
      await new Promise<void>((done) => clock.after(100, done));
      return new Response(null, { status: 503 });
    },
    platform: {
      ...platform,
      lock: {
        run: (...given) => {
          did.push('lock');
          return platform.lock.run(...given);
        },
      },
      storage: {
        ...platform.storage,
        getItem: (key) => {
          did.push('read');
          return platform.storage.getItem(key);
        },
      },
    },
  });
  void tokens.startSession().catch(() => undefined);
  await clock.advance(50);
  tokens.dispose();
  did.length = 0;
  await clock.advance(120_000);
  expect(did).toEqual([]);
});
