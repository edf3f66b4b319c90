import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';

test('an item of the application called fault in localStorage is no fault of the storage', async () => {
  // localStorage shows its items as members
  const storage = {
    fault: 'what the application keeps there',
    getItem: () => null,
    setItem: () => undefined,
    removeItem: () => undefined,
  };
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'access' }),
    platform: { ...inProcess(), storage: storage as never },
  });
  const faults: unknown[] = [];
  tokens.on('storageFailed', ({ error }) => faults.push(error));
  await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  tokens.dispose();
  expect(faults).toEqual([]);
});
