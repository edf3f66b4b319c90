import { expect, test } from 'vitest';
import { createFetch, createTokenManager } from '../../src/index.js';

test('a signal that is null lets go of the signal of the request, as it does for fetch', async () => {
  const tokens = createTokenManager({ refresh: () => Promise.reject(new Error('not asked for')) });
  await tokens.startSession({ access_token: 'access' });
  const api = createFetch(tokens, {
    origins: ['https://api.test'],
    fetch: async (input, init) => new Response(String(new Request(input, init).signal.aborted)),
  });
  const request = new Request('https://api.test/', { signal: AbortSignal.abort(new Error('gone')) });
  await expect(api(request)).rejects.toThrow('gone');
  expect(await (await api(request, { signal: null })).text()).toBe('false');
});
